"""A mail server for development: it takes every message, refuses a few recipients, and delivers nothing.

It speaks enough of RFC 5321 to be spoken to by a real sender, with PIPELINING, 8BITMIME, SMTPUTF8 and SIZE.
A message that was answered 250 is in the inbox file; what the answer waits for is one commit for all
messages that came in together.
"""

import argparse
import asyncio
import hashlib
import os
import re
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from campaign.stack import endpoints
from campaign.stack.errors import StackError
from inbox.pages import serve_pages
from inbox.store import Inbox, Received

LONGEST_LINE = 4_096
LARGEST = 25 * 1024 * 1024
END_OF_DATA = b"\r\n.\r\n"
EXTENSIONS = ("PIPELINING", "8BITMIME", "SMTPUTF8", f"SIZE {LARGEST}", "ENHANCEDSTATUSCODES")
PATH = re.compile(r"^(?:FROM|TO):\s*<([^<>]*)>(.*)$", re.IGNORECASE)


class Refuse(StrEnum):
    NONE = "none"
    SOME = "some"


@dataclass(frozen=True)
class Refusal:
    """How the server turns a recipient away, and whether only at the first try."""

    reply: str
    once: bool = False


UNKNOWN = Refusal("550 5.1.1 No such mailbox here")
FULL = Refusal("552 5.2.2 Mailbox full")
BUSY = Refusal("451 4.2.0 Greylisted, try again later", once=True)
# Of 10,000 recipients; which ones is decided by the address alone, so that every run is alike.
SHARES = ((UNKNOWN, 120), (FULL, 40), (BUSY, 30))


def refusal_of(recipient: str) -> Refusal | None:
    """How this recipient is refused where refusals are on; the same answer for the same address, always."""
    digest = hashlib.blake2b(recipient.lower().encode(), digest_size=8).digest()
    place = int.from_bytes(digest, "big") % 10_000
    for refusal, share in SHARES:
        if place < share:
            return refusal
        place -= share
    return None


class Recorder:
    """Puts what arrives into the inbox, everything that came in together in one commit, and then says so."""

    def __init__(self, inbox: Inbox) -> None:
        self.inbox = inbox
        self.waiting: list[tuple[Received, Callable[[bool], None]]] = []

        self.is_due = False

    def take(self, message: Received, answer: Callable[[bool], None]) -> None:
        self.waiting.append((message, answer))
        self.flush_soon()

    def note_refusal(self, recipient: str, reply: str) -> None:
        self.inbox.note_refusal(recipient, reply)
        self.flush_soon()

    def flush_soon(self) -> None:
        if not self.is_due:
            # After everything that is ready to be read now, so that one commit serves many connections.
            asyncio.get_running_loop().call_soon(self.flush)
            self.is_due = True

    def flush(self) -> None:
        self.is_due = False
        batch, self.waiting = self.waiting, []
        is_stored = self.inbox.add([message for message, _ in batch])
        for _, answer in batch:
            answer(is_stored)


@dataclass
class Policy:
    """How the server treats those who speak to it."""

    refuse: Refuse = Refuse.SOME
    delay: float = 0.0

    def __post_init__(self) -> None:
        self.seen: set[str] = set()

    def refusal(self, recipient: str) -> Refusal | None:
        if self.refuse == Refuse.NONE:
            return None
        refusal = refusal_of(recipient)
        if refusal and refusal.once:
            if recipient in self.seen:
                return None
            self.seen.add(recipient)
        return refusal


class Session(asyncio.Protocol):
    """One connection: reads commands and messages in order, and answers in order."""

    transport: asyncio.Transport

    def __init__(self, recorder: Recorder, policy: Policy) -> None:
        self.recorder = recorder
        self.policy = policy
        self.buffer = bytearray()
        self.replies: list[bytes] = []
        self.in_data = False
        self.is_waiting = False  # for the record of a message; what follows it stays in the buffer
        self.scanned = 0
        self.forget_envelope()

    def forget_envelope(self) -> None:
        self.sender: str | None = None
        self.recipients: list[str] = []

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.reply("220 sinete.localhost ESMTP for development")
        self.send()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self.advance()

    def advance(self) -> None:
        while not self.is_waiting and (self.read_message() if self.in_data else self.read_command()):
            pass
        self.send()

    def read_command(self) -> bool:
        end = self.buffer.find(b"\n")
        if end < 0:
            if len(self.buffer) > LONGEST_LINE:
                self.reply("500 5.5.2 Line too long")
                self.close()
            return False
        line = bytes(self.buffer[:end]).rstrip(b"\r").decode("utf-8", "replace")
        del self.buffer[: end + 1]
        verb, _, rest = line.partition(" ")
        command = getattr(self, f"do_{verb.lower()}", None) if verb.isalpha() else None
        if command is None:
            self.reply("500 5.5.1 Unknown command")
        else:
            command(rest.strip())
        return not self.transport.is_closing()

    def read_message(self) -> bool:
        # The end may lie across two packets; and a message may be empty, which is a dot at once.
        if self.buffer.startswith(b".\r\n"):
            self.take(b"", 3)
            return True
        end = self.buffer.find(END_OF_DATA, max(0, self.scanned - len(END_OF_DATA)))
        if end < 0:
            self.scanned = len(self.buffer)
            if self.scanned > LARGEST:
                self.reply("552 5.3.4 Message too large")
                self.close()
            return False
        self.take(bytes(self.buffer[: end + 2]), end + len(END_OF_DATA))
        return True

    def take(self, raw: bytes, consumed: int) -> None:
        del self.buffer[:consumed]
        self.scanned = 0
        self.in_data = False
        self.is_waiting = True
        if raw.startswith(b"."):
            raw = raw[1:]
        raw = raw.replace(b"\r\n.", b"\r\n")
        message = Received(
            sender=self.sender or "", recipients=tuple(self.recipients), raw=raw, received_at=time.time()
        )
        self.forget_envelope()
        self.recorder.take(message, self.answer)

    def answer(self, is_stored: bool) -> None:
        if self.policy.delay:
            asyncio.get_running_loop().call_later(self.policy.delay, self.answer_now, is_stored)
        else:
            self.answer_now(is_stored)

    def answer_now(self, is_stored: bool) -> None:
        self.reply("250 2.0.0 Taken" if is_stored else "452 4.3.1 The inbox file can't be written")
        self.is_waiting = False
        if not self.transport.is_closing():
            self.advance()

    def do_ehlo(self, rest: str) -> None:
        self.forget_envelope()
        lines = ["sinete.localhost", *EXTENSIONS]
        self.replies += [f"250-{line}\r\n".encode() for line in lines[:-1]]
        self.reply(f"250 {lines[-1]}")

    def do_helo(self, rest: str) -> None:
        self.forget_envelope()
        self.reply("250 sinete.localhost")

    def do_mail(self, rest: str) -> None:
        match = PATH.match(rest)
        if not match or not rest.upper().startswith("FROM"):
            self.reply("501 5.5.4 MAIL FROM:<address>")
        elif self.sender is not None:
            self.reply("503 5.5.1 One message at a time")
        else:
            self.sender = match[1]
            self.reply("250 2.1.0 Ok")

    def do_rcpt(self, rest: str) -> None:
        match = PATH.match(rest)
        if self.sender is None:
            self.reply("503 5.5.1 MAIL first")
        elif not match or not match[1] or not rest.upper().startswith("TO"):
            self.reply("501 5.5.4 RCPT TO:<address>")
        elif refusal := self.policy.refusal(match[1]):
            self.recorder.note_refusal(match[1], refusal.reply)
            self.reply(refusal.reply)
        else:
            self.recipients.append(match[1])
            self.reply("250 2.1.5 Ok")

    def do_data(self, rest: str) -> None:
        if not self.recipients:
            self.reply("503 5.5.1 No valid recipient" if self.sender is not None else "503 5.5.1 MAIL first")
            return
        self.in_data = True
        self.reply("354 Go on, and end with a dot")

    def do_rset(self, rest: str) -> None:
        self.forget_envelope()
        self.reply("250 2.0.0 Ok")

    def do_noop(self, rest: str) -> None:
        self.reply("250 2.0.0 Ok")

    def do_vrfy(self, rest: str) -> None:
        self.reply("252 2.5.0 Try it")

    def do_quit(self, rest: str) -> None:
        self.reply("221 2.0.0 Bye")
        self.close()

    def reply(self, text: str) -> None:
        self.replies.append(f"{text}\r\n".encode())

    def send(self) -> None:
        if self.replies and not self.transport.is_closing():
            self.transport.write(b"".join(self.replies))
        self.replies.clear()

    def close(self) -> None:
        self.send()
        self.transport.close()


async def listen(inbox: Inbox, policy: Policy, *, port: int) -> asyncio.Server:
    """A mail server on this machine's own interface; the port is free to choose with 0."""
    recorder = Recorder(inbox)
    return await asyncio.get_running_loop().create_server(
        lambda: Session(recorder, policy), host="127.0.0.1", port=port, backlog=512
    )


async def serve(*, inbox_file: Path, policy: Policy, port: int, inbox_port: int) -> None:
    """Receive and show mail until SIGTERM or SIGINT."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    inbox = Inbox(inbox_file)
    server = await listen(inbox, policy, port=port)
    pages = serve_pages(inbox_file, port=inbox_port)
    try:
        await stop.wait()
    finally:
        server.close()
        pages.shutdown()
        inbox.close()


def main(argv: list[str]) -> int:
    """Run the receiver until a signal ends it. Raise StackError beside a database that somebody named."""
    parser = argparse.ArgumentParser(prog="receiver", description=__doc__)
    var = endpoints.data_folder(Path(__file__).resolve().parent.parent)
    parser.add_argument("--port", type=int, default=int(os.environ.get("MAIL_PORT", 1025)))
    parser.add_argument("--inbox-port", type=int, default=int(os.environ.get("INBOX_PORT", 8026)))
    parser.add_argument("--file", type=Path, default=var / "inbox.sqlite3")
    parser.add_argument("--refuse", type=Refuse, default=os.environ.get("MAIL_REFUSE", Refuse.SOME))
    parser.add_argument("--delay-ms", type=float, default=float(os.environ.get("MAIL_DELAY_MS", 0)))
    args = parser.parse_args(argv)
    if os.environ.get("DATABASE_URL") and not os.environ.get("SINETE_EMBEDDED"):
        raise StackError("The development mail server does not run beside a database that somebody named.")
    args.file.parent.mkdir(parents=True, exist_ok=True)
    policy = Policy(refuse=Refuse(args.refuse), delay=args.delay_ms / 1000)
    asyncio.run(serve(inbox_file=args.file, policy=policy, port=args.port, inbox_port=args.inbox_port))
    return 0
