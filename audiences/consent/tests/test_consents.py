from datetime import UTC, datetime

import pytest
from psycopg import sql

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.consent import consents
from audiences.models import ConsentEvent, Profile
from audiences.tests.factories import ProfileFactory

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)


@pytest.mark.parametrize(("channel", "flag"), consents.FLAGS.items())
def test_an_opt_out_sets_the_flag_and_tells_when_and_why(db, channel, flag):
    profile = ProfileFactory()

    assert consents.opt_out(
        profile_id=profile.pk, channel=channel, at=NOON, source="unsubscribe link", reference="delivery 7"
    )

    profile.refresh_from_db()
    event = profile.consents.get()
    assert getattr(profile, flag)
    assert (event.opted_out, event.at, event.source, event.reference) == (
        True,
        NOON,
        "unsubscribe link",
        "delivery 7",
    )


def test_a_second_opt_out_adds_nothing(db):
    profile = ProfileFactory(no_email=True)

    assert not consents.opt_out(profile_id=profile.pk, channel="email", at=NOON, source="link")
    assert not profile.consents.exists()


def test_a_person_opts_in_again_what_the_trail_shows(db):
    profile, by = ProfileFactory(no_email=True), UserFactory(roles={"prepare": root()})

    assert consents.opt_in(profile_id=profile.pk, channel="email", at=NOON, source="phone call", by=by)

    profile.refresh_from_db()
    assert not profile.no_email
    assert profile.consents.get().by == by
    assert AuditEvent.objects.get(action="opt_in").target_id == str(profile.pk)


def test_a_person_needs_the_right_in_the_unit(db):
    profile = ProfileFactory(unit=UnitFactory())

    for by in [UserFactory(roles={"import": profile.unit}), UserFactory(roles={"prepare": UnitFactory()})]:
        with pytest.raises(NotAllowed):
            consents.opt_out(profile_id=profile.pk, channel="email", at=NOON, source="page", by=by)


def test_many_are_opted_out_at_once_each_with_its_event(db):
    ProfileFactory(no_email=True)
    ProfileFactory.create_batch(3)

    count = consents.opt_out_many(
        profile_ids=sql.SQL("SELECT id, first_name FROM audiences_profile"),
        channel="email",
        at=NOON,
        source="import",
    )

    assert count == 3
    assert Profile.objects.filter(no_email=True).count() == 4
    assert ConsentEvent.objects.count() == 3
