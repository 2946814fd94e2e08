"""When errors hold an address, and when they are forgotten."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audiences.quarantine.thresholds import Error, Limits, judge

NOON = datetime(2026, 11, 2, 12, tzinfo=UTC)
LIMITS = Limits()


def day(number: float, nature: str = "soft", reason: str = "refused") -> Error:
    return Error(NOON + timedelta(days=number), nature, reason, reference=f"report {number} {nature}")


@pytest.mark.parametrize(
    ("errors", "at", "status", "number"),
    [
        ([], 0, "valid", 0),
        ([day(0)], 0, "erroneous", 1),
        ([day(0), day(0.5), day(0.9)], 1, "erroneous", 1),  # within a day they are one
        ([day(0), day(1), day(2), day(3)], 4, "erroneous", 4),
        ([day(0), day(1), day(2), day(3), day(4)], 4, "quarantine", 5),
        ([day(0), day(1), day(2), day(3), day(4)], 400, "quarantine", 5),  # which is not forgotten
        ([day(0)], 10, "erroneous", 1),
        ([day(0)], 10.1, "valid", 0),
        ([day(0, reason="mailbox_full")], 29, "erroneous", 1),
        ([day(0, reason="mailbox_full")], 30.1, "valid", 0),
        ([day(0), day(1), day(2), day(3), day(14)], 14, "erroneous", 1),  # begun anew after ten days
        ([day(0, "hard")], 400, "quarantine", 1),
        ([day(0), day(1, "hard")], 1, "quarantine", 2),
        ([day(0, "hard"), day(1, "complaint")], 1, "denylist", 1),
        ([day(0, "complaint"), day(1, "hard")], 400, "denylist", 1),
    ],
)
def test_an_address_stands_as_its_errors_say(errors, at, status, number):
    standing = judge(errors, limits=LIMITS, at=NOON + timedelta(days=at))

    assert (standing.status, standing.errors) == (status, number)


def test_the_limits_are_settings(settings):
    settings.SINETE = settings.SINETE | {"quarantine_errors": 2, "quarantine_spacing_hours": 1}

    standing = judge([day(0), day(0.1)], limits=Limits.from_settings(), at=NOON + timedelta(days=1))

    assert standing.status == "quarantine"


ERRORS = st.lists(
    st.builds(
        day, st.integers(0, 300).map(lambda hours: hours / 8), st.sampled_from(["soft", "hard", "complaint"])
    ),
    max_size=12,
)


@given(ERRORS, st.randoms(use_true_random=False))
def test_the_order_in_which_errors_come_in_does_not_matter(errors, chance):
    mixed = list(errors)
    chance.shuffle(mixed)
    at = NOON + timedelta(days=60)

    assert judge(mixed, limits=LIMITS, at=at).status == judge(errors, limits=LIMITS, at=at).status


@given(ERRORS, st.integers(0, 300))
def test_one_more_error_never_frees_an_address(errors, hours):
    at = NOON + timedelta(days=60)
    rank = ["valid", "erroneous", "quarantine", "denylist"].index
    held = rank(judge(errors, limits=LIMITS, at=at).status)

    more = rank(judge([*errors, day(hours / 8, "hard")], limits=LIMITS, at=at).status)

    assert more >= held
