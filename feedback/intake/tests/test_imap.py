"""A mailbox behind IMAP."""

import pytest

from feedback.intake import mailboxes, sources, storing
from feedback.models import IncomingMail, MailSource
from feedback.tests.imap_server import PASSWORD, serving

pytestmark = pytest.mark.django_db

MAILS = {7: b"From: a@example.com\r\n\r\nOne \xe9\r\n", 9: b"From: b@example.com\r\n\r\nTwo\r\n"}


@pytest.fixture
def server(monkeypatch):
    monkeypatch.setenv("BOUNCES_PASSWORD", PASSWORD)
    with serving(MAILS) as running:
        yield running


def source(server, **more) -> MailSource:
    return MailSource.objects.create(
        **{
            "label": "Bounces", "kind": "imap", "host": "127.0.0.1", "port": server.port, "tls": "none",
            "username": "bounces", "password_variable": "BOUNCES_PASSWORD",
        } | more
    )  # fmt: skip


@pytest.mark.parametrize("removes", [False, True])
def test_what_waits_is_stored_as_it_is_and_marked_or_removed_afterwards(server, removes):
    made = source(server, removes=removes)

    assert [sources.fetch(made), sources.fetch(made)] == [2, 0]

    assert {bytes(raw) for raw in IncomingMail.objects.values_list("raw", flat=True)} == set(MAILS.values())
    assert server.flags == dict.fromkeys(MAILS, {"Deleted", "Seen"} if removes else {"Seen"})
    assert set(server.mails) == (set() if removes else set(MAILS))
    made.refresh_from_db()
    assert (made.problem, made.reached_at is not None) == ("", True)


def test_nothing_is_marked_that_could_not_be_stored(server, monkeypatch):
    def full(*_args: object, **_more: object) -> bool:
        raise RuntimeError("disk full")

    monkeypatch.setattr(storing, "store", full)
    with pytest.raises(RuntimeError):
        sources.fetch(source(server))

    assert server.flags == {7: set(), 9: set()}


def test_a_look_counts_and_marks_nothing(server):
    with mailboxes.opened(source(server)) as found:
        assert found.number == 2

    assert server.flags == {7: set(), 9: set()}


def test_a_wrong_password_and_a_server_far_away_without_encryption_are_told(server, monkeypatch):
    monkeypatch.setenv("BOUNCES_PASSWORD", "wrong")

    for made in (source(server), source(server, label="Far", host="imap.example.com")):
        sources.fetch(made)
        made.refresh_from_db()
        assert made.problem
    assert not IncomingMail.objects.exists()
