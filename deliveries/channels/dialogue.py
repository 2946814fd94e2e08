"""One SMTP connection: what is said on it, in which order, and what an answer or its loss means for a message.

A group is written only when every reply to the one before was read: this body, its final dot, and the next
envelope up to its DATA (RFC 2920 wants DATA last). So a reply too many or too few shows before the next
body leaves, and the connection is given up instead of mistaking one recipient's answer for another's: what a
group's answers say counts when all of them fit. Only DATA is answered by 354, so one in its place proves that
those before it stood in theirs; where none follows, an outcome that a later surplus makes unsure is told of.
"""

import asyncio
import base64
import contextlib
import ipaddress
import re
import socket
import ssl
from collections import deque
from typing import TYPE_CHECKING, Any, NamedTuple

from campaign.lib.dots import END, dotted
from deliveries.channels.base import Capabilities, Envelope, Outcome, Ready, Result
from deliveries.channels.paths import UnusableAddress, wire_path
from deliveries.channels.replies import Stage, classify, enhanced_code, printable, tidy

if TYPE_CHECKING:
    from deliveries.channels.smtp import Pool

_CODES = {b"%d" % code: code for code in range(200, 600)}
_LONGEST_LINE = 8_192  # RFC 5321 says 512; a reply beyond these is no reply
_LONGEST_REPLY = 65_536
POLITENESS_S = 2.0  # how long a QUIT waits for its answer
# A host that is gone without a word is noticed by the kernel within two thirds of a lease: what it does not
# acknowledge, and what it says to a probe after some quiet. Names that a platform lacks are left out.
_KEEPALIVE = {"TCP_KEEPIDLE": 8, "TCP_KEEPALIVE": 8, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 4}
_UNACKNOWLEDGED_MS = 20_000
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9.\[\]:_-]")

# To the final dot, to MAIL, to RCPT, to DATA; and what follows the last line end.
_USUAL_ANSWERS = [b"250 ", b"250 ", b"250 ", b"354 ", b""]

_MARGIN = 1_024  # octets: RSET, DATA, and what TLS puts around the end of what is written
_UNPROVEN_AT_MOST = 8  # a surplus reply shows within two groups

_DOT_ALONE = "dot"  # the empty message that answers a 354 for a recipient who was refused
_QUIT = "quit"


class ConnectFailed(Exception):
    """No connection that could be used came about; `is_final`: and trying again at once would not help."""

    def __init__(
        self, text: str, *, stage: str = Stage.CONNECT, code: int | None = None, is_final: bool = False
    ):
        super().__init__(text)
        self.text, self.stage, self.code, self.is_final = printable(text), stage, code, is_final


class _Unsendable(Exception):
    """An envelope that must not reach the wire; with a reason it has failed, without one we have."""

    def __init__(self, stage: str, text: str, *, reason: str = "") -> None:
        super().__init__(text)
        self.stage, self.text, self.reason = str(stage), printable(text), reason

    def outcome(self, seq: int) -> Outcome:
        result = Result.FAILED if self.reason else Result.NOT_ATTEMPTED
        return Outcome(
            seq, result, text=self.text, stage=self.stage, nature="ignored", reason=self.reason,
            breaker=not self.reason,
        )  # fmt: skip


class _Reply(NamedTuple):
    code: int
    lines: list[bytes]

    @property
    def text(self) -> str:
        return tidy(self.lines)


class _Unproven(NamedTuple):
    """An outcome that may rest on another's answer, and how many replies had been read with its own."""

    outcome: Outcome
    since: int

    def is_sure(self, codes: list[int]) -> bool:
        """Whether it would be the same if its answer were any of those that came after it."""
        return all(code // 100 == (self.outcome.code or 0) // 100 for code in codes[self.since :])


class _Letter:
    """An envelope that a connection took, and how far it got."""

    __slots__ = ("body", "envelope", "has_begun", "is_settled", "may_go", "path", "sender")

    def __init__(self, envelope: Envelope, *, sender: bytes, path: bytes, body: bytes) -> None:
        self.envelope, self.sender, self.path, self.body = envelope, sender, path, body
        self.has_begun = self.is_settled = self.may_go = False


def parse_capabilities(lines: list[bytes]) -> Capabilities:
    """Return what the lines of a reply to EHLO offer."""
    offered: dict[str, list[str]] = {}
    for line in lines[1:]:
        keyword, *values = line.decode("ascii", "replace").replace("=", " ").upper().split() or [""]
        offered.setdefault(keyword, []).extend(values)
    size = (offered.get("SIZE") or ["0"])[0]
    return Capabilities(
        pipelining="PIPELINING" in offered,
        eight_bit="8BITMIME" in offered,
        smtputf8="SMTPUTF8" in offered,
        starttls="STARTTLS" in offered,
        size=int(size) if size.isascii() and size.isdigit() else 0,
        auth=frozenset(offered.get("AUTH", ())),
    )


class Dialogue(asyncio.Protocol):
    """One connection. It counts replies: `_expected` holds the steps whose answer is still to come."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._relay = pool.relay
        self._loop = asyncio.get_running_loop()
        self._transport: Any = None
        self.capabilities = Capabilities()
        self.lost: asyncio.Future[None] = self._loop.create_future()
        self.fault = ""  # why it was given up; empty where it ended in good order
        self.has_answered = False  # a transaction was answered, so the relay works
        self._is_running = self._is_over = self._is_paused = self._is_leaving = False
        # Made now: the greeting may be here before whoever connects is told that it has connected.
        self._greeting: asyncio.Future[_Reply] = self._loop.create_future()
        self._waiter: asyncio.Future[_Reply] | None = self._greeting
        self._rest = b""
        self._lines: list[bytes] = []
        self._lines_size = 0
        self._multiline_code: int | None = None
        self._expected: deque[tuple[str, _Letter | None]] = deque()
        self._to_write: deque[tuple[bytes, str, _Letter | None]] = deque()  # step by step, without PIPELINING
        self._current: _Letter | None = None  # from its MAIL to the answer to its DATA
        self._dotted: _Letter | None = None  # from its final dot to the answer to it
        self._usual: tuple[_Letter, _Letter] | None = None  # this body and the next envelope, all outstanding
        self._owes_dot = self._owes_rset = False
        self._is_unwritten = False  # it was cut with the final dot still in this process
        self._held: list[_Unproven] = []  # outcomes of a group whose answers are not all there
        self._unproven: deque[_Unproven] = deque(maxlen=_UNPROVEN_AT_MOST)  # told, and no 354 since
        self._codes: list[int] = []  # of the replies since the first of those
        self._taken = 0
        self._deadline: float | None = None
        self._asked_at = 0.0  # since when an answer is owed
        self._is_overdue = False
        self.silent: asyncio.Future[None] = (
            self._loop.create_future()
        )  # it was silent: another takes its place
        self._is_abandoned = False  # the next envelope was taken back from it, and may not be answered here

    # What the transport calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False
        self.wake()

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, error: Exception | None) -> None:
        is_harmless = self._is_running and not self._has_letters()
        self._give_up("" if is_harmless else f"connection lost: {error or 'closed by the relay'}")
        if not self.lost.done():
            self.lost.set_result(None)

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return None
        if self._usual is not None and self._is_taken_as_usual(data):
            return self._advance()
        if self._rest:
            data = self._rest + data
            self._rest = b""
        position, size = 0, len(data)
        while position < size:
            end = data.find(b"\n", position)
            if end < 0:
                self._rest = data[position:]
                break
            code = _CODES.get(data[position : position + 3])
            separator = data[position + 3 : position + 4]
            if code is None or (separator not in b" -\r\n") or end - position > _LONGEST_LINE:
                return self._violate("not a reply")
            text = data[position + 4 : end]
            position = end + 1
            if separator == b"-" or self._lines:
                if not self._has_whole_reply(code, text, is_last=separator != b"-"):
                    if self._is_over:
                        return None
                    continue
                lines, self._lines, self._lines_size = self._lines, [], 0
            else:
                lines = [text]
            self._answer(code, lines)
            if self._is_over:
                return None
        if len(self._rest) > _LONGEST_LINE:
            return self._violate("endless reply")
        if self._is_running:
            self._after_replies(has_progress=position > 0)
        return None

    def _is_taken_as_usual(self, data: bytes) -> bool:
        """The four answers of a relay that takes everything, in one piece: most of all there are, read at once."""
        assert self._usual is not None
        dotted, current = self._usual
        self._usual = None
        lines = data.split(b"\r\n")
        if len(lines) != 5 or b"\n" in lines[0] or len(data) > _LONGEST_LINE:
            return False
        if [line[:4] for line in lines] != _USUAL_ANSWERS or b"\n" in lines[1] + lines[2] + lines[3]:
            return False
        self._expected.clear()
        self._dotted = None
        self.has_answered = current.has_begun = current.may_go = dotted.is_settled = True
        if self._unproven:
            self._note_proven()
        text = tidy([lines[0][4:]])
        self._pool.settle(
            Outcome(dotted.envelope.seq, Result.SENT, 250, enhanced_code(text), text, Stage.BODY.value)
        )
        return True

    def _has_whole_reply(self, code: int, text: bytes, *, is_last: bool) -> bool:
        if self._lines and code != self._multiline_code:
            self._violate("reply of two codes")
            return False
        self._multiline_code = code
        self._lines.append(text)
        self._lines_size += len(text)
        if self._lines_size > _LONGEST_REPLY or len(self._lines) > 1_000:
            self._violate("endless reply")
            return False
        return is_last

    def _after_replies(self, *, has_progress: bool) -> None:
        if self._expected:
            if has_progress:
                self._await_replies()
        elif self._rest or self._lines:
            # The beginning of a reply that nothing asked for.
            self._codes.append(self._multiline_code or 0 if self._lines else _CODES.get(self._rest[:3], 0))
            self._violate("reply to nothing", is_surplus=True)
        else:
            self._tell_held()
            self._advance()

    # Opening

    async def open(self) -> None:
        """Connect, encrypt and sign in as the relay's settings ask; afterwards messages may be taken."""
        try:
            async with asyncio.timeout(self._relay.timeout_s):
                await self._connect()
                await self._greet()
        except ConnectFailed:
            self.abort("")
            raise
        except TimeoutError as error:
            self.abort("")
            raise ConnectFailed("no answer in time") from error
        except ssl.SSLCertVerificationError as error:
            self.abort("")
            raise ConnectFailed(f"certificate refused: {error.verify_message}", is_final=True) from error
        except OSError as error:
            self.abort("")
            raise ConnectFailed(str(error) or type(error).__name__) from error
        except asyncio.CancelledError:
            self.abort("")
            raise

    def start(self) -> None:
        """Begin to take messages."""
        self._is_running = True
        self.wake()

    async def _connect(self) -> None:
        if self._pool.tls_problem:
            raise ConnectFailed(self._pool.tls_problem, is_final=True)
        is_implicit = self._relay.tls == "implicit"
        await self._loop.create_connection(
            lambda: self,
            self._relay.host,
            self._relay.port,
            ssl=self._pool.tls_context if is_implicit else None,
            server_hostname=self._relay.host if is_implicit else None,
        )
        _keep_alive(self._transport.get_extra_info("socket"))

    async def _greet(self) -> None:
        greeting = await self._greeting
        if greeting.code != 220:
            raise self._refused(greeting, stage=Stage.CONNECT)
        await self._hello()
        if self._relay.tls == "starttls":
            await self._start_tls()
            await self._hello()
        if self._relay.username:
            self._check_that_nobody_listens()
            await self._sign_in()

    async def _hello(self) -> None:
        name = _NOT_IN_A_NAME.sub("", self._relay.helo_name).encode() or b"localhost"
        reply = await self._ask(b"EHLO %b\r\n" % name)
        self.capabilities = Capabilities()
        if reply.code == 250:
            self.capabilities = parse_capabilities(reply.lines)
        elif reply.code >= 500:
            reply = await self._ask(b"HELO %b\r\n" % name)
        if reply.code != 250:
            raise self._refused(reply, stage=Stage.HELO)

    async def _start_tls(self) -> None:
        if not self.capabilities.starttls:
            # Going on in clear is what an attacker who hides the offer wants.
            raise ConnectFailed("the relay does not offer STARTTLS", stage=Stage.HELO, is_final=True)
        reply = await self._ask(b"STARTTLS\r\n")
        if reply.code != 220:
            raise self._refused(reply, stage=Stage.HELO)
        assert self._pool.tls_context is not None
        self._transport = await self._loop.start_tls(
            self._transport, self, self._pool.tls_context, server_hostname=self._relay.host
        )

    def _check_that_nobody_listens(self) -> None:
        """No password leaves this machine in clear, unless the route says so; and an empty one is none."""
        if not self._relay.password:
            raise ConnectFailed("there is a user name and no password", stage=Stage.HELO, is_final=True)
        if self._relay.tls == "none" and not self._relay.auth_in_clear and not self._is_on_this_machine():
            text = "the password would go over the network without encryption"
            raise ConnectFailed(text, stage=Stage.HELO, is_final=True)

    def _is_on_this_machine(self) -> bool:
        peer = self._transport.get_extra_info("peername")
        with contextlib.suppress(ValueError, TypeError, IndexError):
            address = ipaddress.ip_address(peer[0].partition("%")[0])
            return (getattr(address, "ipv4_mapped", None) or address).is_loopback
        return False

    async def _sign_in(self) -> None:
        user, password = self._relay.username.encode(), self._relay.password.encode()
        if "PLAIN" in self.capabilities.auth:
            secret = base64.b64encode(b"\0%b\0%b" % (user, password))
            reply = await self._ask(b"AUTH PLAIN %b\r\n" % secret)
        elif "LOGIN" in self.capabilities.auth:
            reply = await self._ask(b"AUTH LOGIN\r\n")
            for secret in (user, password):
                if reply.code == 334:
                    reply = await self._ask(base64.b64encode(secret) + b"\r\n")
        else:
            raise ConnectFailed(
                "the relay offers neither AUTH PLAIN nor LOGIN", stage=Stage.HELO, is_final=True
            )
        if reply.code != 235:
            lines = [self._without_secrets(line) for line in reply.lines]
            raise self._refused(_Reply(reply.code, lines), stage=Stage.HELO)

    def _without_secrets(self, line: bytes) -> bytes:
        """A relay that did not understand may say back what it was told."""
        user, password = self._relay.username.encode(), self._relay.password.encode()
        whole = base64.b64encode(b"\0%b\0%b" % (user, password))
        for secret in (whole, base64.b64encode(password), password):
            line = line.replace(secret, b"***")
        return line

    async def _ask(self, command: bytes) -> _Reply:
        if self._is_over:
            raise ConnectFailed(self.fault or "connection lost")
        self._waiter = self._loop.create_future()
        self._transport.write(command)
        return await self._waiter

    @staticmethod
    def _refused(reply: _Reply, *, stage: str) -> ConnectFailed:
        return ConnectFailed(reply.text, stage=stage, code=reply.code, is_final=reply.code >= 500)

    # Answers

    def _answer(self, code: int, lines: list[bytes]) -> None:
        if self._held or self._unproven:
            self._codes.append(code)
        if not self._is_running:
            self._answer_opening(code, lines)
        elif code == 421:
            self._answer_goodbye(lines)
        elif not self._expected:
            self._violate("reply to nothing", is_surplus=True)
        else:
            step, letter = self._expected[0]
            _ANSWERS[step](self, letter, code, lines)
            if not self._is_over:
                self._expected.popleft()

    def _answer_opening(self, code: int, lines: list[bytes]) -> None:
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            # Said in clear before TLS, it would count as said inside.
            self._violate("reply to nothing")
        else:
            waiter.set_result(_Reply(code, lines))

    def _answer_goodbye(self, lines: list[bytes]) -> None:
        step, letter = self._expected[0] if self._expected else (Stage.CONNECT, None)
        if letter is not None and not letter.is_settled:
            self._settle(letter, step, 421, tidy(lines))
            self._give_up(f"relay closes: {tidy(lines)}")
        else:
            self._give_up(f"relay closes: {tidy(lines)}" if self._has_letters() else "")
        self._transport.abort()

    def _answer_mail(self, letter: _Letter, code: int, lines: list[bytes]) -> None:
        if code < 300:
            letter.has_begun = True
        else:
            self._refuse(letter, Stage.MAIL, code, lines)

    def _answer_rcpt(self, letter: _Letter, code: int, lines: list[bytes]) -> None:
        if code >= 300:
            self._refuse(letter, Stage.RCPT, code, lines)

    def _answer_data(self, letter: _Letter, code: int, lines: list[bytes]) -> None:
        if code == 354:
            self._note_proven()
            letter.may_go = not letter.is_settled
            self._owes_dot = letter.is_settled
            if letter.is_settled:
                self._current = None
        elif code >= 400:
            self._refuse(letter, Stage.DATA, code, lines)
            self._current = None
            self._owes_rset = letter.has_begun
        else:  # as of the RCPT before it, where a reply too many stands before that
            self._violate(f"{code} to DATA", is_surplus=code < 300)

    def _answer_body(self, letter: _Letter, code: int, lines: list[bytes]) -> None:
        if 300 <= code < 400:
            self._violate(f"{code} to the final dot")
            return
        if self._is_surely_unwritten():
            self._answer_early(letter, code, lines)
            return
        self._dotted = None
        self.has_answered = True
        self._settle(letter, Stage.BODY, code, tidy(lines))
        if self._is_abandoned:
            # What it says next is about an envelope that has left by another connection, perhaps.
            self.abort("")

    def _answer_early(self, letter: _Letter, code: int, lines: list[bytes]) -> None:
        """An answer to a message before its end was written: another's, or it has had enough. It did not leave."""
        if code >= 400:
            means = classify(Stage.BODY, code, text := tidy(lines))
            letter.is_settled = True
            self._hold(
                Outcome(
                    letter.envelope.seq, Result.RETRY, code, enhanced_code(text), text, Stage.BODY.value,
                    "ignored" if means.breaker else "soft", means.reason, breaker=means.breaker,
                )
            )  # fmt: skip
            self.abort("answered before the message was written")
        else:
            self._violate(f"{code} before the message was written", is_surplus=True)

    def _answer_dot(self, letter: _Letter, code: int, lines: list[bytes]) -> None:
        if 300 <= code < 400:
            self._violate(f"{code} to the final dot")

    def _answer_rset(self, letter: None, code: int, lines: list[bytes]) -> None:
        if code >= 300:
            self._violate(f"{code} to RSET", is_surplus=code == 354)

    def _answer_quit(self, letter: None, code: int, lines: list[bytes]) -> None:
        if code >= 300:
            self._violate(f"{code} to QUIT", is_surplus=True)
            return
        self._give_up("")
        self._transport.close()

    def _refuse(self, letter: _Letter, stage: str, code: int, lines: list[bytes]) -> None:
        """The first refusal decides; what follows from it for the same recipient is read and dropped."""
        if code < 400:
            self._violate(f"{code} to {stage.upper()}")
            return
        if not letter.is_settled:
            self.has_answered = self.has_answered or stage == Stage.RCPT
            self._settle(letter, stage, code, tidy(lines))
        if self._to_write:
            self._to_write.clear()
            self._current = None
            self._owes_rset = letter.has_begun

    def _settle(self, letter: _Letter, stage: str, code: int, text: str) -> None:
        letter.is_settled = True
        seq = letter.envelope.seq
        if stage == Stage.BODY and code < 300:
            self._hold(Outcome(seq, Result.SENT, code, enhanced_code(text), text, Stage.BODY.value))
            return
        means = classify(stage, code, text)
        self._hold(Outcome(seq, means.result, code, enhanced_code(text), text, str(stage), *means[1:]))

    # What an answer is worth

    def _hold(self, outcome: Outcome) -> None:
        self._held.append(_Unproven(outcome, len(self._codes)))

    def _tell_held(self) -> None:
        """Every answer of the group fitted, or none will come any more: its outcomes count."""
        for held in self._held:
            self._pool.settle(held.outcome)
        self._unproven.extend(self._held)
        self._held.clear()
        if not self._unproven:
            self._codes.clear()

    def _note_proven(self) -> None:
        """A 354 in its place: all before it stood in theirs."""
        self._tell_held()
        self._unproven.clear()
        self._codes.clear()

    def _take_back_unsure(self, fault: str) -> None:
        """The relay said too much: whatever would be another outcome with another answer is unknown."""
        for told in self._unproven:
            if not told.is_sure(self._codes):
                self._pool.doubt(told.outcome, self._doubted(told.outcome, fault))
        self._unproven.clear()
        self._held = [
            held if held.is_sure(self._codes) else _Unproven(self._doubted(held.outcome, fault), held.since)
            for held in self._held
        ]

    @staticmethod
    def _doubted(outcome: Outcome, fault: str) -> Outcome:
        """Only what had its final dot written may have left."""
        is_dotted = outcome.stage == Stage.BODY
        return Outcome(
            outcome.seq, Result.IN_DOUBT if is_dotted else Result.NOT_ATTEMPTED, text=printable(fault),
            stage=outcome.stage, nature="ignored", reason="unreachable", breaker=True,
        )  # fmt: skip

    def _is_surely_unwritten(self) -> bool:
        """Whether the final dot is still in this process, so that nothing can have answered it."""
        waiting = self._transport.get_write_buffer_size()
        if not waiting:
            return False
        letter = self._current
        after_the_dot = len(letter.sender) + len(letter.path) if letter is not None else 0
        return waiting > after_the_dot + _MARGIN

    # Writing

    def wake(self) -> None:
        """Take a message if this connection is waiting for one."""
        if self._is_running and not self._expected and not self._is_over:
            self._advance()

    def leave(self) -> None:
        """Take nothing more; say goodbye once the last answer is there."""
        self._is_leaving = True
        if self.is_silent and not self.doubtful:
            self.abort("")  # nothing of it has left
        self.wake()

    def _advance(self) -> None:
        """Write the next group: nothing is outstanding, so nothing is in doubt where it may not be written."""
        if not self._pool.may_begin():
            self.abort("")
            return
        if self._to_write:
            self._write_step()
            return
        group: list[tuple[bytes, str, _Letter | None]] = []
        self._add_data(group)
        if self.capabilities.pipelining or not group:
            self._add_envelope(group)
        if not group:
            self._rest_or_quit()
        elif self.capabilities.pipelining:
            self._expected.extend([(step, letter) for _, step, letter in group])
            if len(group) == 4 and self._dotted is not None and self._current is not None:
                self._usual = self._dotted, self._current
            self._transport.write(b"".join([command for command, _, _ in group]))
            self._await_replies()
        else:
            self._to_write.extend(group)
            self._write_step()

    def _write_step(self) -> None:
        command, step, letter = self._to_write.popleft()
        self._expected.append((step, letter))
        self._transport.write(command)
        self._await_replies()

    def _add_data(self, group: list[tuple[bytes, str, _Letter | None]]) -> None:
        letter = self._current
        if letter is not None and letter.may_go:
            self._current, self._dotted = None, letter
            group.append((letter.body, Stage.BODY, letter))
            letter.body = b""
            if self.is_silent:
                self._pool.note_silent(self)
        elif self._owes_dot:
            self._owes_dot = False
            group.append((b".\r\n", _DOT_ALONE, None))

    def _add_envelope(self, group: list[tuple[bytes, str, _Letter | None]]) -> None:
        letter = self._take()
        if letter is None:
            return
        if self._owes_rset:
            self._owes_rset = False
            group.append((b"RSET\r\n", Stage.RSET, None))
        self._current = letter
        group.append((letter.sender, Stage.MAIL, letter))
        group.append((letter.path, Stage.RCPT, letter))
        group.append((b"DATA\r\n", Stage.DATA, letter))

    def _take(self) -> _Letter | None:
        queue = self._pool.queue
        limit = self._relay.messages_per_connection
        while queue and not self._is_leaving and not self._is_paused and not (limit and self._taken >= limit):
            envelope = queue.popleft()
            try:
                letter = self._prepared(envelope)
            except _Unsendable as why:
                self._pool.settle(why.outcome(envelope.seq))
            else:
                self._taken += 1
                return letter
        return None

    def _prepared(self, envelope: Envelope) -> _Letter:
        """Return the envelope ready for the wire."""
        try:
            sender, sender_is_wide = wire_path(envelope.sender)
        except UnusableAddress as error:
            # Our own fault, and most likely the same for every recipient.
            raise _Unsendable(Stage.MAIL, f"sender: {error}") from error
        try:
            path, is_wide = wire_path(envelope.recipient)
        except UnusableAddress as error:
            raise _Unsendable(Stage.RCPT, str(error), reason="not_supported") from error
        if not path:
            raise _Unsendable(Stage.RCPT, "no address", reason="not_supported")
        is_wide = is_wide or sender_is_wide
        if is_wide and not self.capabilities.smtputf8:
            text = "the relay does not take international addresses"
            raise _Unsendable(Stage.RCPT, text, reason="not_supported")
        try:
            message = envelope.fill(self.capabilities)
            body = message.body if isinstance(message, Ready) else dotted(message)
            is_eight_bit = not body.isascii()
        except Exception as error:  # whatever a template may raise concerns this row alone
            raise _Unsendable(Stage.BODY, f"{type(error).__name__}: {error}", reason="content") from error
        mail = f"MAIL FROM:<{sender}>{self._parameters(body, is_wide=is_wide, is_eight_bit=is_eight_bit)}\r\n"
        return _Letter(envelope, sender=mail.encode(), path=f"RCPT TO:<{path}>\r\n".encode(), body=body)

    def _parameters(self, body: bytes, *, is_wide: bool, is_eight_bit: bool) -> str:
        offered, parameters = self.capabilities, ""
        if offered.size:
            size = len(body) - len(END)
            if size > offered.size:
                text = f"{size} octets, and the relay takes {offered.size}"
                raise _Unsendable(Stage.MAIL, text, reason="too_large")
            parameters = f" SIZE={size}"
        if is_eight_bit:
            if not offered.eight_bit:
                text = "8-bit content, and the relay does not offer 8BITMIME"
                raise _Unsendable(Stage.BODY, text, reason="content")
            parameters += " BODY=8BITMIME"
        return f"{parameters} SMTPUTF8" if is_wide else parameters

    def _rest_or_quit(self) -> None:
        limit = self._relay.messages_per_connection
        if self._is_leaving or (limit and self._taken >= limit):
            self._is_leaving = True
            self._pool.idle.discard(self)
            self._expected.append((_QUIT, None))
            self._transport.write(b"QUIT\r\n")
            self._deadline = self._loop.time() + POLITENESS_S
        else:
            self._deadline = None
            self._pool.idle.add(self)

    # Losing patience and giving up

    @property
    def is_silent(self) -> bool:
        """Whether it owed an answer for so long that another connection was asked to take its place."""
        return self.silent.done()

    @property
    def doubtful(self) -> int | None:
        """The message that may have left by it and has no answer yet."""
        return None if self._dotted is None or self._dotted.is_settled else self._dotted.envelope.seq

    def _await_replies(self) -> None:
        patience = self._relay.timeout_s if self._dotted is None else self._relay.body_timeout_s
        self._asked_at = self._loop.time()
        self._deadline = self._asked_at + patience
        self._is_overdue = False

    def look_at_clock(self, now: float) -> None:
        """Give up where an answer is overdue: seen so twice, as this process itself may have been busy."""
        if self._deadline is None:
            return
        is_late = now >= self._deadline
        if not is_late and (self.is_silent or now < self._asked_at + self._relay.silence_s):
            return
        if not self._is_overdue:
            self._is_overdue = True
        elif is_late:
            self.abort("" if self._expected and self._expected[0][0] == _QUIT else "no answer in time")
        elif self._expected and self._expected[0][0] != _QUIT:
            self._fall_silent()

    def _fall_silent(self) -> None:
        """Take nothing new and wait for the answer; the next envelope, of which nothing left, goes elsewhere."""
        if self._pool.is_closing and self._dotted is None:
            self.abort("")  # nothing of it has left, and nobody would wait for it
            return
        self._is_overdue, self._is_leaving, self._usual = False, True, None
        self._tell_held()
        if self._dotted is not None and self._current is not None:
            letter, self._current, self._is_abandoned = self._current, None, True
            if not letter.is_settled:
                letter.is_settled = True
                self._pool.take_back(letter.envelope)
        self.silent.set_result(None)
        self._pool.note_silent(self)

    def abort(self, fault: str) -> None:
        """Cut the connection: what it had taken is settled by how far it got."""
        self._give_up(fault)
        if self._transport is not None:
            self._transport.abort()

    def _violate(self, what: str, *, is_surplus: bool = False) -> None:
        fault = f"the relay broke the protocol: {what}"
        if is_surplus:
            self._take_back_unsure(fault)
        self._is_unwritten = self._dotted is not None and self._is_surely_unwritten()
        self.abort(fault)

    def _has_letters(self) -> bool:
        return self._dotted is not None or (self._current is not None and not self._current.is_settled)

    def _give_up(self, fault: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.fault = fault
        self._deadline = None
        self._pool.idle.discard(self)
        self._tell_held()
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectFailed(fault or "connection lost"))
            self._waiter.exception()  # nobody may be waiting any more, and that is no error
        dotted = Result.NOT_ATTEMPTED if self._is_unwritten else Result.IN_DOUBT
        for letter, result in ((self._dotted, dotted), (self._current, Result.NOT_ATTEMPTED)):
            if letter is not None and not letter.is_settled:
                letter.is_settled = True
                self._pool.settle(self._cut_off(letter, result, fault))

    def _cut_off(self, letter: _Letter, result: Result, fault: str) -> Outcome:
        stage = Stage.BODY if result == Result.IN_DOUBT else Stage.RCPT
        return Outcome(
            letter.envelope.seq, result, text=printable(fault), stage=str(stage),
            nature="ignored", reason="unreachable",
            breaker=bool(fault)
            and not self._pool.is_closing
            and (not self.is_silent or self._pool.is_stuck),
        )  # fmt: skip


def _keep_alive(connection: Any) -> None:
    """A relay that is gone is noticed by the kernel, long before its answer is overdue."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


_ANSWERS: dict[str, Any] = {
    Stage.MAIL: Dialogue._answer_mail,
    Stage.RCPT: Dialogue._answer_rcpt,
    Stage.DATA: Dialogue._answer_data,
    Stage.BODY: Dialogue._answer_body,
    Stage.RSET: Dialogue._answer_rset,
    _DOT_ALONE: Dialogue._answer_dot,
    _QUIT: Dialogue._answer_quit,
}
