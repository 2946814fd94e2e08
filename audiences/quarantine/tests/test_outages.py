"""What a provider's outage put into quarantine is let go, and nothing else."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.models import MailExchange, Quarantine
from audiences.quarantine import error_counts, outages, quarantines
from audiences.quarantine.outages import Outage, TooWide
from audiences.quarantine.thresholds import Error

pytestmark = pytest.mark.django_db

BAD = datetime(2026, 12, 14, 12, tzinfo=UTC)
TEXT = "550-5.1.1 The email account that you tried to reach does not exist"


def hold(key, *, at=BAD, text=TEXT, nature="hard", reason="user_unknown"):
    error_counts.count([(key, Error(at, nature, reason, text, f"report of {key} at {at}"))], at=at)


def statuses():
    return dict(Quarantine.objects.values_list("address_key", "status"))


@pytest.fixture
def operator():
    return UserFactory(roles={"administration": root()}, is_staff=True)


@pytest.fixture
def held(operator):
    """Two of the outage, and others that an outage of this domain, text and time does not explain."""
    hold("a@gmail.com")
    quarantines.hold(address_key="b@gmail.com", reason="user_unknown", error_text=TEXT, at=BAD, reference="")
    hold("later@gmail.com", at=BAD + timedelta(days=9))
    hold("other@example.com")
    hold("otherwise@gmail.com", text="552 mailbox full")
    hold("angry@gmail.com", nature="complaint", reason="complaint")
    quarantines.hold_by_hand(address="hand@gmail.com", error_text=TEXT, at=BAD, by=operator)
    return {"a@gmail.com", "b@gmail.com"}


OUTAGE = Outage(BAD - timedelta(days=1), BAD + timedelta(days=1), "gmail.com", "5.1.1")


def test_a_look_names_those_of_the_outage_and_changes_nothing(held, operator):
    before = statuses()

    found = outages.foresee(OUTAGE, by=operator)

    assert ({entry.address_key for entry in found.first}, found.number) == (held, 2)
    assert statuses() == before


def test_a_repair_lets_those_go_and_no_others(held, operator):
    before = statuses()

    assert outages.repair(OUTAGE, by=operator, at=BAD + timedelta(days=10)) == 2

    assert {key for key, status in statuses().items() if status != before[key]} == held
    assert AuditEvent.objects.get(action="repair_quarantine").detail["number"] == 2


def test_what_was_forgiven_counts_no_more_and_a_new_error_does(held, operator):
    outages.repair(OUTAGE, by=operator, at=BAD + timedelta(days=10))

    error_counts.stand(held, at=BAD + timedelta(days=11))
    assert {statuses()[key] for key in held} == {"valid"}
    hold("a@gmail.com", at=BAD + timedelta(days=12))

    assert statuses()["a@gmail.com"] == "quarantine"


@pytest.mark.parametrize(
    "wide", [Outage(BAD, BAD + timedelta(days=1)), Outage(BAD, BAD, "gmail.com"), Outage(BAD, BAD, "", " ")]
)
def test_what_would_let_everybody_go_is_refused(held, operator, wide):
    for verb in (
        lambda: outages.foresee(wide, by=operator),
        lambda: outages.repair(wide, by=operator, at=BAD),
    ):
        with pytest.raises(TooWide):
            verb()


def test_nobody_else_repairs(held):
    with pytest.raises(NotAllowed):
        outages.repair(OUTAGE, by=UserFactory(roles={"prepare": root()}), at=BAD)


def test_page_and_command_look_first_and_then_repair(held, operator, capsys):
    client = Client()
    client.force_login(operator)
    page = reverse("audiences:repair-quarantine")
    typed = {"since": "2026-12-14", "until": "2026-12-14", "domain": "gmail.com", "text": "5.1.1"}

    assert page in client.get(reverse("admin:audiences_quarantine_changelist")).content.decode()
    looked = client.get(page, typed).content.decode()
    assert all(key in looked for key in held)
    call_command(
        "repair_quarantine", since="2026-12-14", until="2026-12-15", text="5.1.1", person=operator.username
    )
    assert "3 addresses would" in capsys.readouterr().out  # the other domain's too
    assert "user_unknown" not in looked
    assert "User unknown" in looked
    client.post(page, typed)

    assert {statuses()[key] for key in held} == {"valid"}


def test_the_command_reads_moments_by_the_clocks_of_whoever_asks(operator, capsys):
    hold("a@example.com")
    held_at = Quarantine.objects.get().last_error_at
    operator.time_zone = "Asia/Tokyo"
    operator.save()
    there = held_at.astimezone(ZoneInfo("Asia/Tokyo"))

    for since, found in [(there - timedelta(hours=1), 1), (there + timedelta(hours=1), 0)]:
        call_command(
            "repair_quarantine", since=f"{since:%Y-%m-%dT%H:%M}", until=f"{since + timedelta(hours=3):%Y-%m-%dT%H:%M}", text="5.1.1",
            person=operator.username,
        )  # fmt: skip
        assert f"{found} addresses would" in capsys.readouterr().out


def test_an_outage_of_mail_servers_is_repaired_for_all_domains_behind_them(operator, capsys):
    for key in ("a@serra.com.br", "b@mata.com.br", "c@elsewhere.com.br", "d@new.com.br"):
        hold(key)
    for domain, provider in (
        ("serra.com.br", "outlook.com"),
        ("mata.com.br", "outlook.com"),
        ("elsewhere.com.br", "google.com"),
    ):
        MailExchange.objects.create(
            domain=domain, provider=provider, hosts=[f"mx.{provider}"], outcome="found", wanted_at=BAD
        )
    span = {
        "since": "2026-12-14",
        "until": "2026-12-15",
        "person": operator.username,
        "mx_host": "Outlook.com",
    }

    call_command("repair_quarantine", **span)
    looked = capsys.readouterr().out
    call_command("repair_quarantine", **span, yes=True)

    assert "2 addresses would" in looked
    assert "Of 1 domains the MX host is not known yet" in looked
    assert MailExchange.objects.get(domain="new.com.br").outcome == "unknown"  # wanted now
    assert {key for key, status in statuses().items() if status == "valid"} == {
        "a@serra.com.br",
        "b@mata.com.br",
    }
    assert AuditEvent.objects.get(action="repair_quarantine").detail["mx_host"] == "Outlook.com"


def test_each_night_addresses_whose_errors_are_old_are_valid_again():
    for key, age in (("new@example.com", 3), ("old@example.com", 11), ("full@example.com", 11)):
        reason = "mailbox_full" if key.startswith("full") else "refused"
        hold(key, at=BAD - timedelta(days=age), nature="soft", reason=reason)

    assert error_counts.tidy(at=BAD, at_once=1) == 2

    assert statuses() == {
        "new@example.com": "erroneous",
        "old@example.com": "valid",
        "full@example.com": "erroneous",
    }
