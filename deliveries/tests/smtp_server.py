"""An SMTP server that does what a script says, keeps a record of what it took, and watches our manners.

`Script.answers` maps (seq, step) to an answer: the seq is read from the sender `b+SEQ@…`, the step is
mail, rcpt, data, body, rset or dot (a message without a byte). A missing answer is the polite one. `DROP`
cuts the connection in place of an answer; `TAKE_AND_DROP` takes the message first; after `SILENCE` nothing
more is said.
"""

import asyncio
import itertools
import re
import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

DROP = b"<drop>"
TAKE_AND_DROP = b"<take and drop>"
SILENCE = b"<silence>"

POLITE = {
    "mail": b"250 2.1.0 Ok",
    "rcpt": b"250 2.1.5 Ok",
    "data": b"354 End data with <CR><LF>.<CR><LF>",
    "body": b"250 2.0.0 Ok: queued",
    "dot": b"554 5.5.1 No valid recipients",
    "rset": b"250 2.0.0 Ok",
}

# For localhost and 127.0.0.1, signed by itself, trusted by nobody who isn't told to.
CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBdzCCAR2gAwIBAgIBATAKBggqhkjOPQQDAjAUMRIwEAYDVQQDDAlsb2NhbGhv
c3QwIBcNMjAwMTAxMDAwMDAwWhgPMjEyMDAxMDEwMDAwMDBaMBQxEjAQBgNVBAMM
CWxvY2FsaG9zdDBZMBMGByqGSM49AgEGCCqGSM49AwEHA0IABAsE/ecJAyz7ycAt
niCvQOt6qyDsYcJ7tAyx2JGtkAXSyYUcZBm1zFrVzhPld8fbW9WH864m/RnOZ0GS
rD2EigCjXjBcMBoGA1UdEQQTMBGCCWxvY2FsaG9zdIcEfwAAATAPBgNVHRMBAf8E
BTADAQH/MA4GA1UdDwEB/wQEAwIChDAdBgNVHQ4EFgQUYlyk5n5MCrNt7x1D9PBJ
XJ5ohxowCgYIKoZIzj0EAwIDSAAwRQIhALLNyahvsdfhS3zcQlwRis1JGSDhDpJC
b877Q29heYssAiAuZ70VwyEqikMa60V/g6XZmXbtzOJ+VMplfe9udk5YNA==
-----END CERTIFICATE-----
"""
KEY = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgwNSSc8Okr1yUQ17z
Q7wcm+T04cVr1GmNNM2e3bNVpiahRANCAAQLBP3nCQMs+8nALZ4gr0Dreqsg7GHC
e7QMsdiRrZAF0smFHGQZtcxa1c4T5XfH21vVh/OuJv0ZzmdBkqw9hIoA
-----END PRIVATE KEY-----
"""


@dataclass
class Script:
    answers: dict[tuple[int, str], bytes] = field(default_factory=dict)
    extensions: tuple[bytes, ...] = (b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"SIZE 10000000")
    extensions_in_tls: tuple[bytes, ...] | None = None
    greeting: bytes = b"220 relay.example ESMTP"
    ehlo: bytes | None = None  # in place of the list of extensions
    starttls: bytes = b"220 2.0.0 Ready"
    login: tuple[bytes, bytes] | None = None
    wrong_login: bytes = b"535 5.7.8 Wrong password"
    chop: int = 0  # answers leave in pieces of so many octets, each a packet of its own
    chops: tuple[int, ...] = ()  # or cut at these places of what is said at one time
    delay_s: float = 0.0
    body_delay_s: float = 0.0  # in its place, before the answer to a message that was taken
    goodbye_after: int = 0  # 421 to the MAIL after so many messages of a connection
    ignores_pipelined: bool = False  # offers PIPELINING, and forgets what came with a body
    reads_one_by_one: bool = False  # offers PIPELINING, and forgets what came with any command


class Server:
    """Use it as `async with Server(Script(…)) as server`; it listens on `server.port`."""

    def __init__(
        self, script: Script | None = None, *, tls: str = "none", folder: Path | None = None
    ) -> None:
        self.script = script or Script()
        self.tls = tls
        self.context = _context(folder) if tls != "none" and folder else None
        self.taken: list[int] = []
        self.bodies: dict[int, bytes] = {}
        self.dots: set[int] = set()  # whose final dot was read
        self.commands: list[bytes] = []
        self.faults: list[str] = []  # what we did against the RFCs
        self.connections = 0
        self.talks: set[Any] = set()
        self.port = 0

    async def __aenter__(self) -> "Server":
        context = self.context if self.tls == "implicit" else None
        self._listener = await asyncio.get_running_loop().create_server(
            lambda: _Talk(self), "127.0.0.1", 0, ssl=context
        )
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self.cut()
        self._listener.close()
        await self._listener.wait_closed()

    def owes_all(self) -> bool:
        """Whether each of its connections, one at least, waits for the answer to a message that was taken."""
        return bool(self.talks) and all(talk.owes for talk in self.talks)

    def cut(self) -> None:
        for talk in tuple(self.talks):
            talk.transport.abort()


def _context(folder: Path) -> ssl.SSLContext:
    chain = folder / "server.pem"
    chain.write_text(KEY + CERTIFICATE)
    (folder / "ca.pem").write_text(CERTIFICATE)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


class _Talk(asyncio.Protocol):
    def __init__(self, server: Server) -> None:
        self.server, self.script = server, server.script
        self.buffer = b""
        self.is_in_tls = server.tls == "implicit"
        self.is_deaf = self.is_over = self.is_upgrading = False
        self.login: list[bytes] | None = None
        self.messages = 0
        self.owes = False
        self.outbox: asyncio.Queue[bytes | None] = asyncio.Queue()
        self.writer: asyncio.Task[None] | None = None
        self._forget()

    def _forget(self) -> None:
        self.seq: int | None = None
        self.has_recipient = self.is_in_data = False

    # Transport

    def connection_made(self, transport: Any) -> None:
        self.transport = transport
        if self.writer is None:
            self.server.connections += 1
            self.server.talks.add(self)
            self.writer = asyncio.get_running_loop().create_task(self._write())
            self._say(self.script.greeting)

    def connection_lost(self, error: Exception | None) -> None:
        self.is_over = True
        self.server.talks.discard(self)
        if self.writer is not None:
            self.writer.cancel()

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        self._read()

    async def _write(self) -> None:
        is_last = False
        while not is_last:
            said = b""
            waiting = [await self.outbox.get()]
            while not self.outbox.empty():
                waiting.append(self.outbox.get_nowait())
            is_last = None in waiting
            said = b"".join(waiting[: waiting.index(None)] if is_last else waiting)
            await asyncio.sleep(self.script.body_delay_s if self.owes else self.script.delay_s)
            self.owes = False
            for piece in self._pieces(said):
                if self.is_over:
                    return
                self.transport.write(piece)
                await asyncio.sleep(0)
        self.transport.close() if said else self.transport.abort()

    def _pieces(self, said: bytes) -> list[bytes]:
        if self.script.chop:
            return [said[at : at + self.script.chop] for at in range(0, len(said), self.script.chop)]
        places = [0, *sorted({place % (len(said) or 1) for place in self.script.chops}), len(said)]
        return [said[start:end] for start, end in itertools.pairwise(places) if end > start]

    def _say(self, answer: bytes) -> None:
        if answer in (DROP, TAKE_AND_DROP):
            self.is_deaf = True
            self.outbox.put_nowait(None)
        elif answer == SILENCE:
            self.is_deaf = True
        else:
            self.outbox.put_nowait(answer + b"\r\n")
            if answer.startswith(b"421"):
                self.is_deaf = True
                self.outbox.put_nowait(None)

    # Commands

    def _read(self) -> None:
        while self.buffer and not self.is_deaf and not self.is_upgrading:
            if self.is_in_data:
                if not self._take_body():
                    return
                continue
            line, newline, rest = self.buffer.partition(b"\r\n")
            if not newline:
                return
            self.buffer = b"" if self.script.reads_one_by_one else rest
            if rest and not self._may_pipeline(line):
                self.server.faults.append(f"sent on after {line!r}")
            self._obey(line)

    def _may_pipeline(self, line: bytes) -> bool:
        extensions = self.script.extensions
        if self.is_in_tls and self.script.extensions_in_tls is not None:
            extensions = self.script.extensions_in_tls
        return b"PIPELINING" in extensions and line[:4] in (b"MAIL", b"RCPT", b"RSET")

    def _obey(self, line: bytes) -> None:
        if self.login is not None:
            self._answer_login(line)
            return
        self.server.commands.append(line)
        verb = line.split(b" ")[0].upper().decode("ascii", "replace").lower()
        command = getattr(self, f"_on_{verb}", None)
        if command is None:
            self.server.faults.append(f"no such command: {line!r}")
            self._say(b"500 5.5.2 What?")
        else:
            command(line)

    def _on_ehlo(self, line: bytes) -> None:
        extensions = self.script.extensions
        if self.is_in_tls and self.script.extensions_in_tls is not None:
            extensions = self.script.extensions_in_tls
        if self.server.tls == "starttls" and not self.is_in_tls:
            extensions = (*extensions, b"STARTTLS")
        lines = [b"relay.example", *extensions]
        listed = b"\r\n".join([*(b"250-" + each for each in lines[:-1]), b"250 " + lines[-1]])
        self._say(listed if self.script.ehlo is None else self.script.ehlo)

    def _on_helo(self, line: bytes) -> None:
        self._say(b"250 relay.example")

    def _on_starttls(self, line: bytes) -> None:
        if not self.script.starttls.startswith(b"220"):
            self._say(self.script.starttls)
            return
        self.is_upgrading = True
        self.transport.write(self.script.starttls + b"\r\n")
        self.upgrade = asyncio.get_running_loop().create_task(self._upgrade())

    async def _upgrade(self) -> None:
        try:
            self.transport = await asyncio.get_running_loop().start_tls(
                self.transport, self, self.server.context, server_side=True
            )
        except (OSError, ConnectionError):
            return
        self.is_in_tls, self.is_upgrading = True, False
        self._read()

    def _on_auth(self, line: bytes) -> None:
        mechanism, _, initial = line[5:].partition(b" ")
        self.login = [mechanism]
        if mechanism == b"PLAIN":
            self._answer_login(initial)
        else:
            self._say(b"334 VXNlcm5hbWU6")

    def _answer_login(self, line: bytes) -> None:
        import base64

        assert self.login is not None
        self.login.append(base64.b64decode(line))
        if self.login[0] == b"LOGIN" and len(self.login) == 2:
            self._say(b"334 UGFzc3dvcmQ6")
            return
        given = tuple(self.login[1:]) if self.login[0] == b"LOGIN" else tuple(self.login[1].split(b"\0")[1:])
        self.login = None
        self._say(b"235 2.7.0 Welcome" if given == self.script.login else self.script.wrong_login)

    def _on_mail(self, line: bytes) -> None:
        if self.seq is not None:
            self.server.faults.append("MAIL within a transaction")
        found = re.match(rb"MAIL FROM:<b\+(\d+)@", line)
        seq = int(found.group(1)) if found else -1
        if self.script.goodbye_after and self.messages >= self.script.goodbye_after:
            self._say(b"421 4.7.0 Too many messages on one connection")
            return
        answer = self.script.answers.get((seq, "mail"), POLITE["mail"])
        if answer[:1] == b"2":
            self.seq, self.has_recipient = seq, False
        self.refused_seq = seq
        self._say(answer)

    def _on_rcpt(self, line: bytes) -> None:
        if self.seq is None:
            self._say(b"503 5.5.1 MAIL first")
            return
        answer = self.script.answers.get((self.seq, "rcpt"), POLITE["rcpt"])
        self.has_recipient = answer[:1] == b"2"
        self._say(answer)

    def _on_data(self, line: bytes) -> None:
        if self.buffer:
            self.server.faults.append("sent on after DATA")
        seq = self.seq if self.seq is not None else self.refused_seq
        polite = POLITE["data"] if self.has_recipient else b"503 5.5.1 RCPT first"
        answer = self.script.answers.get((seq, "data"), polite)
        self.is_in_data = answer[:3] == b"354"
        self._say(answer)

    def _on_rset(self, line: bytes) -> None:
        seq = self.seq
        self._forget()
        self._say(self.script.answers.get((-1 if seq is None else seq, "rset"), POLITE["rset"]))

    def _on_quit(self, line: bytes) -> None:
        self._say(b"221 2.0.0 Bye")
        self.outbox.put_nowait(None)

    def _take_body(self) -> bool:
        if self.buffer.startswith(b".\r\n"):
            body, end = b"", 3
        else:
            at = self.buffer.find(b"\r\n.\r\n")
            if at < 0:
                return False
            body, end = self.buffer[: at + 2], at + 5
        self.buffer = b"" if self.script.ignores_pipelined else self.buffer[end:]
        self._end_message(body)
        return True

    def _end_message(self, body: bytes) -> None:
        seq, has_recipient = self.seq, self.has_recipient
        self._forget()
        self.messages += 1
        if seq is None or not has_recipient:
            if body:
                self.server.faults.append("a body for nobody")
            self._say(POLITE["dot"] if seq is None else self.script.answers.get((seq, "dot"), POLITE["dot"]))
            return
        self.server.dots.add(seq)
        answer = self.script.answers.get((seq, "body"), POLITE["body"])
        if answer[:1] == b"2" or answer == TAKE_AND_DROP:
            self.server.taken.append(seq)
            self.server.bodies[seq] = body.removeprefix(b".").replace(b"\r\n.", b"\r\n")
            self.owes = bool(self.script.body_delay_s)
        self._say(answer)
