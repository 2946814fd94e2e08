"""A mailbox behind a real IMAP server, with TLS: nothing is marked or removed before it is stored."""

import os
import pwd
from collections.abc import Iterator
from pathlib import Path

import pytest

from feedback.intake import sources, storing
from feedback.models import IncomingMail, MailSource
from feedback.tests.dovecot import PASSWORD, Dovecot, serving

pytestmark = pytest.mark.django_db

OWNER = "nobody"
MAILS = [b"From: a@example.com\n\nOne \xe9\n", b"From: b@example.com\n\n" + b"Two\n" * 50_000]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("mail")
    for parent in (made, *made.parents[:-1]):
        parent.chmod(parent.stat().st_mode | 0o011)
    return made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Dovecot]:
    owner = pwd.getpwnam(OWNER)
    for part in ("new", "cur", "tmp"):
        (folder / part).mkdir()
    for path in (folder, *folder.iterdir()):
        os.chown(path, owner.pw_uid, owner.pw_gid)
    with serving(folder, owner=OWNER) as running:
        yield running


def come_in(folder: Path) -> None:
    owner = pwd.getpwnam(OWNER)
    for number, octets in enumerate(MAILS):
        file = folder / "new" / f"{number}.mail"
        file.write_bytes(octets)
        os.chown(file, owner.pw_uid, owner.pw_gid)


def source(server: Dovecot, **more: object) -> MailSource:
    return MailSource.objects.create(
        **{
            "label": "Bounces", "kind": "imap", "host": "127.0.0.1", "port": server.tls_port, "tls": "tls",
            "username": "bounces", "password_variable": "BOUNCES_PASSWORD", "removes": True,
        } | more
    )  # fmt: skip


def disk_is_full(_raw: bytes) -> bool:
    raise RuntimeError("disk full")


def test_what_waits_is_fetched_encrypted_and_goes_once_it_is_stored(server, folder, monkeypatch):
    monkeypatch.setenv("BOUNCES_PASSWORD", PASSWORD)
    unproven = source(server, label="Nobody vouches for it")
    come_in(folder)

    assert sources.fetch(unproven) == 0
    unproven.refresh_from_db()
    assert "certificate verify failed" in unproven.problem
    monkeypatch.setenv("SSL_CERT_FILE", server.ca_file)
    starting = source(server, label="STARTTLS", tls="starttls", port=server.port, removes=False)
    with monkeypatch.context() as patch, pytest.raises(RuntimeError):
        patch.setattr(storing, "store", disk_is_full)
        sources.fetch(starting)
    assert [sources.fetch(starting), sources.fetch(starting)] == [2, 0]  # marked as seen, and kept
    come_in(folder)
    removing = source(server)
    assert [sources.fetch(removing), sources.fetch(removing)] == [0, 0]  # stored before, so removed there

    stored = {
        bytes(raw).replace(b"\r\n", b"\n") for raw in IncomingMail.objects.values_list("raw", flat=True)
    }
    assert stored == set(MAILS)
    assert len(list((folder / "cur").iterdir())) == 2  # those that were kept
    assert not list((folder / "new").iterdir())
