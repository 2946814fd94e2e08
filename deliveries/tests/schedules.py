"""Deliveries at a local hour and at a new time, and zones whose clocks differ in every way."""

from datetime import time, timedelta

from accounts.models import ApprovalPolicy
from accounts.tests.factories import UnitFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.tests.factories import DeliveryFactory, person

ZONES = [
    "Africa/Cairo", "Africa/Casablanca", "America/Chicago", "America/Los_Angeles", "America/Manaus",
    "America/New_York", "America/Noronha", "America/Sao_Paulo", "America/St_Johns", "Asia/Kathmandu", "Asia/Kolkata",
    "Asia/Tokyo", "Australia/Lord_Howe", "Australia/Perth", "Australia/Sydney", "Etc/GMT+12", "Etc/GMT-14",
    "Europe/Berlin", "Europe/Dublin", "Europe/Paris", "Europe/Warsaw", "Pacific/Apia", "Pacific/Auckland",
    "Pacific/Chatham", "Pacific/Honolulu", "Pacific/Kiritimati", "UTC",
]  # fmt: skip


def at_nine(*zones, day=None, past="next_day", unit=None, **more):
    """A delivery at 9:00 to two people of each zone; `day` is a week ahead unless said."""
    unit = unit or UnitFactory(approval_policy=ApprovalPolicy.NONE)
    people = [ProfileFactory(unit=unit, time_zone=zone) for zone in zones for _two in range(2)]
    day = day or (clock.now() + timedelta(days=7)).date()
    return DeliveryFactory(
        **{"unit": unit, "audience": AudienceFactory(unit=unit, members=people), "schedule_kind": "local_hour",
           "local_date": day, "local_hour": time(9, 0), "time_zone": "Europe/Paris", "past_choice": past} | more
    )  # fmt: skip


TOMORROW = {"schedule_kind": "at_date", "time_zone": "America/Sao_Paulo"}


def at_a_new_time(delivery, *, by=None, **settings):
    """The prepared delivery under another schedule: tomorrow at the same time unless said."""
    new = settings or {**TOMORROW, "contact_date": clock.now() + timedelta(days=1)}
    by = by or person("prepare", delivery.unit)
    drafting.edit(delivery=delivery, by=by, at=clock.now(), **new)
    delivery.refresh_from_db()
    return delivery
