"""Mail that waits in a folder of this machine or behind IMAP, one after the other, with what marks it as stored."""

import mailbox
import os
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

from django.conf import settings
from django.utils.translation import gettext as _t
from imapclient import IMAPClient
from imapclient.exceptions import IMAPClientError

from feedback.intake import storing
from feedback.models import MailSource

SECONDS = 20.0  # for any one answer of a server
AT_HOME = {"localhost", "127.0.0.1", "::1"}
_SEEN, _DELETED, _RAW, _SIZE = b"\\Seen", b"\\Deleted", b"BODY[]", b"RFC822.SIZE"


class Unreachable(Exception):
    """The source can't be opened, with words for people; what waits there waits on."""


class Waiting:
    """One mail that waits: its octets, None where it is too large, and what is done once it is stored."""

    def __init__(self, read: Callable[[], bytes | None], done: Callable[[], None]) -> None:
        self.read, self.done = read, done


class Opened:
    """A source that was reached. `number` mails wait; `each` gives them one after the other."""

    def __init__(self, number: int, each: Callable[[], Iterator[Waiting]], seen: str = "") -> None:
        self.number, self.each, self.seen = number, each, seen


@contextmanager
def opened(source: MailSource) -> Iterator[Opened]:
    """Reach the source; raise Unreachable, with words for people, where that is not possible."""
    opener = {"maildir": _maildir, "mbox": _mbox, "imap": _imap}[source.kind]
    try:
        with opener(source) as found:
            yield found
    except (IMAPClientError, mailbox.Error, OSError, ValueError) as error:
        raise Unreachable(_said(error)) from error


def allowed(path: str) -> Path:
    """The folder or file of this path, links followed; raise Unreachable outside of SINETE_MAIL_FOLDERS."""
    found = Path(path).resolve()
    folders = [Path(folder).resolve() for folder in settings.MAIL_FOLDERS]
    if not path or not any(found.is_relative_to(folder) for folder in folders):
        raise Unreachable(
            _t("“%(path)s” is not below one of the folders of SINETE_MAIL_FOLDERS.") % {"path": path}
        )
    return found


def _said(error: Exception) -> str:
    return " ".join(f"{type(error).__name__}: {error}".replace("\x00", "").split())[:300]


# A maildir: what waits stands in `new`, and a mail is whole once it is there.


@contextmanager
def _maildir(source: MailSource) -> Iterator[Opened]:
    folder = allowed(source.path)
    for part in ("new", "cur", "tmp"):
        if not (folder / part).is_dir():
            raise Unreachable(
                _t("“%(path)s” is no maildir: “%(part)s” is missing.") % {"path": folder, "part": part}
            )
    names = sorted(entry.name for entry in os.scandir(folder / "new") if entry.is_file(follow_symlinks=False))

    def each() -> Iterator[Waiting]:
        for name in names:
            new = folder / "new" / name
            kept = folder / "cur" / f"{name.partition(':')[0]}:2,S"
            yield Waiting(partial(_file, new), partial(_put_away, new, kept, source))

    yield Opened(len(names), each)


def _file(path: Path) -> bytes | None:
    try:
        with path.open("rb") as file:
            raw = file.read(storing.most_octets() + 1)
    except FileNotFoundError:  # somebody else took it
        return b""
    return raw if len(raw) <= storing.most_octets() else None


def _put_away(new: Path, kept: Path, source: MailSource) -> None:
    with suppress(FileNotFoundError):
        if source.removes:
            new.unlink()
        else:
            new.rename(kept)


# An mbox file is locked while it is read, so nobody adds to it. It can't be marked mail by mail: it is emptied once all
# of it is stored, or remembered as it was.


@contextmanager
def _mbox(source: MailSource) -> Iterator[Opened]:
    path = allowed(source.path)
    if not path.is_file():
        raise Unreachable(_t("There is no file “%(path)s”.") % {"path": path})
    box = mailbox.mbox(path, create=False)
    try:
        box.lock()
        state = path.stat()
        seen = f"{state.st_size}:{state.st_mtime_ns}"
        keys = [] if seen == source.seen else box.keys()

        def each() -> Iterator[Waiting]:
            for key in keys:
                yield Waiting(partial(_of_mbox, box, key), _nothing)
            if source.removes and keys:
                os.truncate(path, 0)

        yield Opened(len(keys), each, "" if source.removes else seen)
    finally:
        box.unlock()
        box.close()


def _nothing() -> None:
    """Of an mbox file nothing is marked mail by mail."""


def _of_mbox(box: mailbox.mbox, key: str) -> bytes | None:
    file = box.get_file(key)
    raw = file.read(storing.most_octets() + 1)
    return raw if len(raw) <= storing.most_octets() else None


# IMAP


@contextmanager
def _imap(source: MailSource) -> Iterator[Opened]:
    if source.tls == MailSource.Tls.NONE and source.host not in AT_HOME:
        raise Unreachable(_t("Without encryption only this machine itself is asked."))
    context = ssl.create_default_context()
    client = IMAPClient(
        source.host,
        port=source.port,
        ssl=source.tls == MailSource.Tls.TLS,
        ssl_context=context,
        timeout=SECONDS,
    )
    try:
        if source.tls == MailSource.Tls.STARTTLS:
            client.starttls(context)
        client.login(source.username, os.environ.get(source.password_variable, ""))
        client.select_folder(source.mailbox or "INBOX")
        numbers = sorted(client.search(["UNSEEN", "UNDELETED"]))
        yield Opened(len(numbers), lambda: _each_of_imap(client, numbers, source))
    finally:
        with suppress(IMAPClientError, OSError):
            client.logout()


def _each_of_imap(client: IMAPClient, numbers: list[int], source: MailSource) -> Iterator[Waiting]:
    for number in numbers:
        yield Waiting(partial(_of_imap, client, number), partial(_mark, client, number, source))


def _of_imap(client: IMAPClient, number: int) -> bytes | None:
    size = client.fetch([number], [_SIZE]).get(number, {}).get(_SIZE, 0)
    if size > storing.most_octets():
        return None
    return client.fetch([number], [b"BODY.PEEK[]"]).get(number, {}).get(_RAW, b"")


def _mark(client: IMAPClient, number: int, source: MailSource) -> None:
    client.add_flags([number], [_DELETED, _SEEN] if source.removes else [_SEEN], silent=True)
    if source.removes and client.has_capability("UIDPLUS"):
        client.expunge([number])
