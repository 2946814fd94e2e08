"""What the doctor says of mail that comes back."""

from datetime import timedelta

import pytest

from campaign.lib import clock
from deliveries.models import Route
from deliveries.overview import diagnosis
from feedback.intake import faults, storing
from feedback.models import IncomingMail, MailSource

pytestmark = pytest.mark.django_db


def codes() -> set[str]:
    return {found.code for found in diagnosis.of_installation(at=clock.now())}


def test_what_piles_up_or_cannot_be_reached_is_told(monkeypatch):
    monkeypatch.setattr(faults, "has_mx", {"none.example.com": False, "silent.example.com": None}.get)
    long_ago = clock.now() - timedelta(hours=1)
    before = codes()

    storing.store(b"From: a@example.com\n\nHello\n")
    IncomingMail.objects.update(received_at=long_ago)
    IncomingMail.objects.create(digest=b"1", raw=b"", read_at=long_ago, kind="unreadable")
    MailSource.objects.create(label="Box", kind="maildir", looked_at=long_ago, problem="no such folder")
    MailSource.objects.create(label="Idle", kind="maildir", is_active=False, looked_at=long_ago)
    for domain in ("none.example.com", "silent.example.com"):
        Route.objects.create(label=domain, return_path_domain=domain)

    assert codes() - before == {"mail_unread", "mail_unreadable", "mail_source_away", "no_mx", "mx_unknown"}


def test_where_all_is_well_nothing_is_told(monkeypatch):
    monkeypatch.setattr(faults, "has_mx", lambda domain: True)
    now = clock.now()
    storing.store(b"From: a@example.com\n\nHello\n")
    MailSource.objects.create(label="Box", kind="maildir", looked_at=now, reached_at=now)
    Route.objects.create(label="Main", return_path_domain="bounces.example.com")

    assert list(faults.of_mail(now)) == []
