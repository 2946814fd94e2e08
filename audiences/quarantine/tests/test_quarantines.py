from datetime import UTC, datetime, timedelta

import pytest

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Quarantine
from audiences.quarantine import quarantines, suppression

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
DAY = timedelta(days=1)
Status = Quarantine.Status


def error(at=NOON, *, key="a@example.com", **more):
    return quarantines.hold(
        address_key=key,
        reason="user_unknown",
        error_text="550 5.1.1",
        at=at,
        reference="delivery 1",
        **more,
    )


def test_an_error_of_the_address_quarantines_at_once(db):
    entry = error()

    assert (entry.status, entry.errors) == (Status.QUARANTINE, 1)
    assert suppression.held(["a@example.com", "b@example.com"]) == {"a@example.com"}
    assert AuditEvent.objects.get(action="quarantine").detail["reason"] == "user_unknown"


def test_an_address_that_is_held_stays_as_it_was(db):
    error()

    entry = error(NOON + DAY)

    assert entry.errors == 1
    assert AuditEvent.objects.filter(action="quarantine").count() == 1


def test_administrators_release_and_errors_are_forgotten(db):
    error()

    entry = quarantines.release(address_key="a@example.com", by=UserFactory(roles={"administration": root()}))

    assert (entry.status, entry.errors, entry.forgiven_at is not None) == (Status.VALID, 0, True)
    told = AuditEvent.objects.get(action="release")
    assert (told.target_label, told.detail["before"]) == (f"#{entry.pk}", "quarantine")
    assert not suppression.held(["a@example.com"])


def test_nobody_else_releases_or_holds(db):
    error()
    for by in [UserFactory(roles={"start": root()}), UserFactory(roles={"administration": UnitFactory()})]:
        with pytest.raises(NotAllowed):
            quarantines.release(address_key="a@example.com", by=by)
        with pytest.raises(NotAllowed):
            quarantines.hold_by_hand(address="b@example.com", error_text="", at=NOON, by=by)


def test_what_is_not_held_is_not_released(db):
    with pytest.raises(quarantines.NotHeld):
        quarantines.release(address_key="a@example.com", by=UserFactory(roles={"administration": root()}))


def test_by_hand_any_spelling_will_do(db):
    by = UserFactory(roles={"administration": root()})

    quarantines.hold_by_hand(address=" A@Example.COM", error_text="asked by phone", at=NOON, by=by)

    assert suppression.held(["a@example.com"])
    with pytest.raises(quarantines.NotAnAddress):
        quarantines.hold_by_hand(address="nobody", error_text="", at=NOON, by=by)
