"""Who must not be written to, and that the planner reads the one text where it is asked for."""

import pytest
from django.db import connection

from audiences.consent import consents
from audiences.models import Profile
from audiences.quarantine import suppression, suppressions
from audiences.quarantine.suppression import Cause
from audiences.tests.factories import ProfileFactory
from campaign.lib import clock

pytestmark = pytest.mark.django_db


def cause_of(profile: Profile) -> Cause | None:
    return suppression.cause(profile_id=profile.pk, address_key=profile.email_key)


def test_nothing_keeps_somebody_from_being_written_to_by_itself():
    assert cause_of(ProfileFactory()) is None


@pytest.mark.parametrize("channel", ["email", "any"])
def test_who_opted_out_is_not_written_to(channel):
    profile = ProfileFactory()
    consents.opt_out(profile_id=profile.pk, channel=channel, at=clock.now(), source="test")

    assert cause_of(profile) == Cause.OPTED_OUT


def test_an_opt_out_of_another_channel_keeps_nobody_from_mail():
    profile = ProfileFactory()
    consents.opt_out(profile_id=profile.pk, channel="sms", at=clock.now(), source="test")

    assert cause_of(profile) is None


def test_an_address_that_is_denied_is_used_for_nobody():
    profile = ProfileFactory()
    suppressions.deny([profile.email_key], at=clock.now(), reference="")

    assert cause_of(profile) == Cause.QUARANTINED


def test_an_opt_out_is_said_before_the_state_of_the_address():
    profile = ProfileFactory(no_email=True)
    suppressions.deny([profile.email_key], at=clock.now(), reference="")

    assert cause_of(profile) == Cause.OPTED_OUT


def test_who_is_gone_is_not_written_to():
    assert suppression.cause(profile_id=0, address_key="a@example.com") == Cause.GONE


def test_an_address_is_held_if_anybody_who_has_it_opted_out():
    ProfileFactory(email="a@example.com", email_key="a@example.com", no_contact=True)
    ProfileFactory(email="b@example.com", email_key="b@example.com")

    assert suppression.held(["a@example.com", "b@example.com", "c@example.com"]) == {"a@example.com"}


@pytest.mark.parametrize(
    "asked",
    [
        f"SELECT s.cause FROM audiences_profile p CROSS JOIN LATERAL {suppression.of('p', key='p.email_key')} s",
        f"SELECT {suppression.by_key('m.profile_id', key='m.address_key')} FROM deliveries_message m",
    ],
)
def test_the_planner_reads_the_text_and_calls_no_function(asked):
    with connection.cursor() as cursor:
        # However small the table happens to be: what counts is that the index can serve.
        cursor.execute("SET LOCAL enable_seqscan = off")
        cursor.execute(f"EXPLAIN (VERBOSE) {asked}")
        plan = "\n".join(row[0] for row in cursor.fetchall())

    assert "audiences_suppression" not in plan
    assert "no_contact" in plan
    assert "quarantine_once" in plan  # one address at a time, by its key
