"""Folders and mailboxes that mail is fetched from: stored here before anything is marked or removed there."""

import mailbox
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UserFactory
from feedback.intake import mailboxes, sources, storing
from feedback.models import IncomingMail, MailSource

pytestmark = pytest.mark.django_db

MAIL = b"From: a@example.com\nSubject: %d\n\nHello\n"


@pytest.fixture
def folder(tmp_path: Path, settings) -> Path:
    settings.MAIL_FOLDERS = [str(tmp_path)]
    return tmp_path


@pytest.fixture
def operator():
    return UserFactory(roles={"administration": root()})


def maildir(folder: Path, *mails: bytes, **more) -> MailSource:
    box = mailbox.Maildir(folder / "box", create=True)
    for mail in mails:
        box.add(mail)
    return MailSource.objects.create(label="Maildir", kind="maildir", path=str(folder / "box"), **more)


def mbox(folder: Path, *mails: bytes, **more) -> MailSource:
    box = mailbox.mbox(folder / "box.mbox", create=True)
    for mail in mails:
        box.add(mail)
    box.close()
    return MailSource.objects.create(label="mbox", kind="mbox", path=str(folder / "box.mbox"), **more)


@pytest.mark.parametrize("make", [maildir, mbox])
@pytest.mark.parametrize("removes", [False, True])
def test_what_waits_is_stored_once_and_marked_or_removed_afterwards(folder, make, removes):
    source = make(folder, MAIL % 1, MAIL % 2, removes=removes)

    numbers = []
    for _ in range(2):
        source.refresh_from_db()
        numbers.append(sources.fetch(source))

    assert numbers == [2, 0]
    assert {bytes(raw) for raw in IncomingMail.objects.values_list("raw", flat=True)} == {MAIL % 1, MAIL % 2}
    source.refresh_from_db()
    with mailboxes.opened(source) as found:
        assert found.number == 0
    left = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_size]
    assert bool(left) is not removes


def test_what_comes_into_an_mbox_later_is_fetched_too(folder):
    source = mbox(folder, MAIL % 1)
    sources.fetch(source)
    box = mailbox.mbox(folder / "box.mbox")
    box.add(MAIL % 2)
    box.close()
    source.refresh_from_db()

    assert sources.fetch(source) == 1


@pytest.mark.parametrize("make", [maildir, mbox])
def test_nothing_is_marked_or_removed_that_could_not_be_stored(folder, make, monkeypatch):
    source = make(folder, MAIL % 1, removes=True)

    def full(*_args: object, **_more: object) -> bool:
        raise RuntimeError("disk full")

    monkeypatch.setattr(storing, "store", full)
    with pytest.raises(RuntimeError):
        sources.fetch(source)

    monkeypatch.undo()
    assert sources.fetch(source) == 1


def test_a_mail_that_is_too_large_stays_there_and_is_told_of(folder, settings):
    settings.SINETE = {**settings.SINETE, "incoming_octets": 60}
    source = maildir(folder, MAIL % 1, MAIL % 1 + b"x" * 100)

    assert sources.fetch(source) == 1

    source.refresh_from_db()
    assert source.problem
    with mailboxes.opened(source) as found:
        assert found.number == 1


@pytest.mark.parametrize("path", ["", "/etc/passwd", "../../etc", "{folder}/../elsewhere", "{folder}/link"])
def test_no_folder_outside_of_those_that_are_set_is_read(folder, path):
    (folder / "link").symlink_to("/etc")
    source = MailSource(label="Sly", kind="maildir", path=path.format(folder=folder))

    with pytest.raises(mailboxes.Unreachable), mailboxes.opened(source):
        pass


def test_a_source_that_cannot_be_reached_says_so_and_the_next_one_is_fetched(folder):
    broken = MailSource.objects.create(label="Broken", kind="imap", host="127.0.0.1", port=1, tls="none")
    maildir(folder, MAIL % 1)

    assert sources.fetch_all() == 1

    broken.refresh_from_db()
    assert (broken.reached_at, bool(broken.problem)) == (None, True)


def test_by_command_a_source_is_made_tried_and_removed(folder, operator):
    mailbox.Maildir(folder / "box", create=True).add(MAIL % 1)

    call_command(
        "save_mail_source", "Box", kind="maildir", path=str(folder / "box"), person=operator.username
    )
    call_command("check_mail_source", "Box", person=operator.username)
    with pytest.raises(CommandError):
        call_command("save_mail_source", "Other", kind="imap", person=operator.username)
    call_command("save_mail_source", "Box", remove_source=True, person=operator.username)

    assert not MailSource.objects.exists()
    assert not IncomingMail.objects.exists()
    done = AuditEvent.objects.filter(refused=False).order_by("id").values_list("action", flat=True)
    assert [each for each in done if "mail_source" in each] == [
        "save_mail_source", "check_mail_source", "remove_mail_source",
    ]  # fmt: skip


def test_only_who_administers_everything_sets_or_tries_a_source(folder):
    source = maildir(folder)
    stranger = UserFactory(roles={"prepare": root()})

    for attempt in (
        lambda: sources.check_source(source=source, by=stranger),
        lambda: sources.save_source(source=source, by=stranger, label="Mine"),
        lambda: sources.remove_source(source=source, by=stranger),
    ):
        with pytest.raises(NotAllowed):
            attempt()
