"""Deliveries at every stage, brought there by the real verbs: what a test begins with can really be."""

from datetime import timedelta
from typing import Any

import factory
from factory.django import DjangoModelFactory

from accounts.models import User
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Audience
from audiences.tests.factories import AudienceFactory, ProfileFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.models import Delivery, ScheduleKind, Sender
from deliveries.preparation import verbs as preparation
from deliveries.sending import control, gate

HTML = """<html><body>
<p>Hello {{ profile.first_name|default('there') }},</p>
<p><a href="https://www.example.com/offers?from=mail">See the offers</a></p>
<p><a href="{{ mirror_url }}">Read it in the browser</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>
</body></html>"""

CONTENT = {
    "subject": "News for {{ profile.first_name|default('you') }}",
    "preheader": "What is new this week",
    "from_name": "Serra Alta",
    "from_address": "news@serra-alta.example.com",
    "html": HTML,
    "text": "Hello. See https://www.example.com/offers or unsubscribe at {{ unsubscribe_url }}",
}

STAGES = ("prepared", "awaiting_approval", "ready", "scheduled", "sending", "paused", "stopped", "finished")


def person(role: str, unit: Any) -> User:
    """Somebody who holds the role in the unit: the same one for each call within a test."""
    found = User.objects.filter(role_grants__role=role, role_grants__unit=unit, is_active=True).first()
    return found or UserFactory(roles={role: unit})


class DeliveryFactory(DjangoModelFactory):
    """A draft with content and an audience of `recipients` profiles; a stage's name as a flag brings it there.

    `DeliveryFactory(ready=True)`, `DeliveryFactory(sending=True, recipients=10)`. `finished` is reached by the
    ledger alone, with every message sent, without a relay. The factory's sender is on the list of the unit above all.
    """

    class Meta:
        model = Delivery
        skip_postgeneration_save = True

    unit = factory.LazyFunction(root)
    label = factory.Sequence(lambda n: f"Newsletter {n}")
    schedule_kind = ScheduleKind.AT_ONCE

    @classmethod
    def _create(cls, model_class: type[Delivery], *args: Any, **kwargs: Any) -> Delivery:
        stage = next((name for name in reversed(STAGES) if kwargs.pop(name, False)), None)
        for name in STAGES:
            kwargs.pop(name, None)
        recipients = kwargs.pop("recipients", 3)
        content = {**CONTENT, **kwargs.pop("content", {})}
        unit = kwargs["unit"]
        by = kwargs.pop("by", None) or person("prepare", unit)
        if "audience" not in kwargs:
            kwargs["audience"] = audience_of(unit, recipients)
        if stage == "prepared" and "approval_policy" not in kwargs:
            stage = "awaiting_approval"
        above = root() if unit.parent_id else unit
        Sender.objects.get_or_create(unit=above, address=CONTENT["from_address"].rpartition("@")[2])
        delivery = drafting.create(by=by, **kwargs)
        drafting.write(delivery=delivery, by=by, at=clock.now(), **content)
        if stage:
            bring_to(delivery, stage, by=by)
        return Delivery.objects.get(pk=delivery.pk)


def audience_of(unit: Any, recipients: int) -> Audience:
    """A fixed list of as many new profiles."""
    people = ProfileFactory.create_batch(recipients, unit=unit)
    return AudienceFactory(unit=unit, members=people)


def bring_to(delivery: Delivery, stage: str, *, by: User) -> None:
    """Take the real steps up to the stage."""
    unit = delivery.unit
    run = preparation.start(delivery=delivery, by=by, at=clock.now())
    preparation.run(preparation_id=run.pk)
    delivery.refresh_from_db()
    if stage in {"prepared", "awaiting_approval"}:
        return
    seal, at = delivery.seal, clock.now()
    if delivery.status == "awaiting_approval":
        approval.approve(delivery=delivery, seal=seal, by=person("approve", unit), at=at)
    if stage == "ready":
        delivery.refresh_from_db()
        return
    starter = person("start", unit)
    confirmation.confirm(delivery=delivery, seal=seal, by=starter, at=at)
    if stage == "scheduled":
        return
    assert gate.begin(delivery.pk)
    if stage == "paused":
        control.pause(delivery=delivery, by=starter, at=clock.now())
    if stage == "stopped":
        control.stop(delivery=delivery, by=starter, at=clock.now())
    if stage == "finished":
        _all_sent(delivery)


def _all_sent(delivery: Delivery) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE deliveries_message SET status = 1, tries = 1, code = 250, reply = '2.0.0 Ok', at = sinete_clock()"
            " WHERE delivery_id = %s",
            [delivery.pk],
        )
        cursor.execute(
            "UPDATE deliveries_chunk SET handed_upto = seq_to WHERE delivery_id = %s", [delivery.pk]
        )
    assert gate.finish_if_over(delivery.pk)


NEXT_WEEK = timedelta(days=7)
