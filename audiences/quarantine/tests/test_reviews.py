"""Who was held for months gets another chance when a person asks for it; nobody else leaves."""

from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import Quarantine
from audiences.quarantine import error_counts, quarantines, reviews
from audiences.quarantine.reviews import NoMonths
from audiences.quarantine.thresholds import Error
from campaign.lib import clock


def hold(key, *, days, nature="hard", reason="user_unknown"):
    at = clock.now() - timedelta(days=days)
    error_counts.count(
        [(key, Error(at, nature, reason, "550 5.1.1", f"report of {key} {days}"))], at=clock.now()
    )


def statuses():
    return dict(Quarantine.objects.values_list("address_key", "status"))


@pytest.fixture
def operator(db):
    return UserFactory(roles={"administration": root()}, is_staff=True)


@pytest.fixture
def held(operator):
    """One whose last error is half a year old, and others that no review lets go."""
    hold("old@example.com", days=190)
    hold("recent@example.com", days=170)
    hold("angry@example.com", days=190, nature="complaint", reason="complaint")
    quarantines.hold_by_hand(
        address="hand@example.com", error_text="", at=clock.now() - timedelta(days=400), by=operator
    )
    return {"old@example.com"}


def test_page_and_command_look_first_and_let_only_those_go(held, operator, capsys):
    before = statuses()
    client = Client()
    client.force_login(operator)
    page = reverse("audiences:review-quarantine")

    assert page in client.get(reverse("admin:audiences_quarantine_changelist")).content.decode()
    looked = client.get(page).content.decode()
    call_command("review_quarantine", person=operator.username)
    assert ("old@example.com" in looked, "recent@example.com" in looked, "User unknown" in looked) == (
        True,
        False,
        True,
    )
    assert "1 addresses would" in capsys.readouterr().out
    assert statuses() == before
    client.post(page, {"months": "6"})

    assert {key for key, status in statuses().items() if status != before[key]} == held
    assert AuditEvent.objects.get(action="review_quarantine").detail["number"] == 1
    hold("old@example.com", days=0)
    assert statuses()["old@example.com"] == "quarantine"  # whoever fails again is held again


def test_the_number_of_months_is_a_setting_and_may_be_told(held, operator, settings, capsys):
    settings.SINETE = settings.SINETE | {"quarantine_review_months": 5}
    call_command("review_quarantine", person=operator.username)
    call_command("review_quarantine", person=operator.username, months=12)

    told = capsys.readouterr().out
    assert "2 addresses would" in told
    assert "0 addresses would" in told


@pytest.mark.parametrize("months", [0, -1, 1_201])
def test_a_number_of_months_that_is_none_is_refused(operator, months):
    with pytest.raises(NoMonths):
        reviews.review(months=months, by=operator, at=clock.now())


@pytest.mark.parametrize("typed", ["", "0", "six", "99999999999999999999"])
def test_a_page_with_such_a_number_says_so(operator, typed):
    client = Client()
    client.force_login(operator)

    for answer in (client.get, client.post):
        assert answer(reverse("audiences:review-quarantine"), {"months": typed}).status_code == 200


def test_nobody_else_reviews(held):
    person = UserFactory(roles={"prepare": root(), "start": root()})
    client = Client()
    client.force_login(person)

    with pytest.raises(NotAllowed):
        reviews.review(months=6, by=person, at=clock.now())
    assert client.get(reverse("audiences:review-quarantine")).status_code == 403


@pytest.mark.parametrize(
    ("at", "months", "then"),
    [
        ((2026, 8, 31), 6, (2026, 2, 28)),
        ((2026, 3, 15), 3, (2025, 12, 15)),
        ((2024, 2, 29), 12, (2023, 2, 28)),
    ],
)
def test_months_are_months_of_the_calendar(at, months, then):
    assert reviews.months_before(datetime(*at, 9, tzinfo=UTC), months) == datetime(*then, 9, tzinfo=UTC)
