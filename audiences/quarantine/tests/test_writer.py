"""What stands in the quarantine gives way to what may take its place, and to nothing else; the trail tells of it."""

from datetime import UTC, datetime, timedelta

import pytest

from accounts.models import AuditEvent
from audiences.models import Quarantine
from audiences.quarantine import error_counts, quarantines, suppressions, writer
from audiences.quarantine.thresholds import Error

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 12, 12, tzinfo=UTC)
DAY = timedelta(days=1)
KEY = "a@example.com"


def counted(nature, reason):
    return lambda at: error_counts.count([(KEY, Error(at, nature, reason, "", f"report of {at}"))], at=at)


SAYS = {
    "a soft error": counted("soft", "refused"),
    "a hard error": counted("hard", "user_unknown"),
    "a complaint": counted("complaint", "complaint"),
    "a relay": lambda at: quarantines.hold(
        address_key=KEY, reason="blocked", error_text="", at=at, reference=""
    ),
    "a list": lambda at: suppressions.deny([KEY], at=at, reference="list"),
    "a recount": lambda at: error_counts.stand([KEY], at=at),
}


def standing():
    entry = Quarantine.objects.get()
    return entry.status, entry.reason


def let_go(at):
    writer.let_go([Quarantine.objects.get().pk], at=at, is_told=True)


@pytest.mark.parametrize(
    ("first", "then", "stands"),
    [
        ("a soft error", "a hard error", ("quarantine", "user_unknown")),
        ("a soft error", "a complaint", ("denylist", "complaint")),
        ("a soft error", "a relay", ("quarantine", "blocked")),
        ("a soft error", "a list", ("denylist", "suppressed")),
        ("a hard error", "a soft error", ("quarantine", "user_unknown")),
        ("a hard error", "a complaint", ("denylist", "complaint")),
        ("a hard error", "a relay", ("quarantine", "user_unknown")),
        ("a hard error", "a list", ("denylist", "suppressed")),
        ("a relay", "a soft error", ("quarantine", "blocked")),
        ("a relay", "a hard error", ("quarantine", "blocked")),
        ("a relay", "a complaint", ("denylist", "complaint")),
        ("a relay", "a list", ("denylist", "suppressed")),
        *(("a complaint", then, ("denylist", "complaint")) for then in SAYS),
        *(("a list", then, ("denylist", "suppressed")) for then in SAYS),
    ],
)
def test_what_stands_gives_way_only_to_what_outweighs_it(first, then, stands):
    SAYS[first](NOON)

    SAYS[then](NOON + DAY)
    SAYS["a recount"](NOON + 2 * DAY)

    assert standing() == stands


@pytest.mark.parametrize("first", [first for first in SAYS if first != "a recount"])
def test_a_person_lets_anybody_go_and_what_comes_after_holds_again(first):
    SAYS[first](NOON)

    let_go(NOON + DAY)
    SAYS["a recount"](NOON + 2 * DAY)
    assert standing()[0] == "valid"
    SAYS["a hard error"](NOON + 3 * DAY)

    assert standing() == ("quarantine", "user_unknown")


def test_each_change_that_holds_or_lets_go_is_in_the_trail_once():
    for at, says in enumerate(
        ["a soft error", "a hard error", "a hard error", "a complaint", "a list", "a recount"]
    ):
        SAYS[says](NOON + at * DAY)
    let_go(NOON + 9 * DAY)

    events = AuditEvent.objects.filter(target_type="audiences.quarantine").order_by("pk")
    assert [(event.action, event.detail["before"]) for event in events] == [
        ("quarantine", "erroneous"),
        ("denylist", "quarantine"),
        ("release", "denylist"),
    ]
    assert {event.detail["reason"] for event in events} == {"user_unknown", "complaint"}


def test_ten_thousand_errors_are_counted_by_as_many_statements_as_two(django_assert_max_num_queries):
    def errors(number):
        return [
            (f"p{n}@example.com", Error(NOON, "hard", "user_unknown", "", f"report {number}/{n}"))
            for n in range(number)
        ]

    with django_assert_max_num_queries(12) as few:
        error_counts.count(errors(2), at=NOON)
    with django_assert_max_num_queries(len(few) + 1) as many:  # errors themselves are stored in two parts
        error_counts.count(errors(10_000), at=NOON)

    assert Quarantine.objects.filter(status="quarantine").count() == 10_000
    assert AuditEvent.objects.filter(action="quarantine").count() == 10_000
    assert len(many) >= len(few)
