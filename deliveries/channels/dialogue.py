"""One SMTP connection: what is said on it, in which order, and what an answer or its loss means for a message.

A group is written only when every reply to the one before was read: this body, its final dot, and the next
envelope up to its DATA (RFC 2920 wants DATA last). So a reply too many or too few shows before the next
body leaves, and the connection is given up instead of mistaking one recipient's answer for another's.
"""

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Any

from deliveries.channels.answer_clock import AnswerClock, Overdue
from deliveries.channels.base import Capabilities, Outcome, Result
from deliveries.channels.certainty import Certainty
from deliveries.channels.letters import Letter, Unsendable, prepared
from deliveries.channels.opening import ConnectFailed, Opening
from deliveries.channels.outcomes import answered, answered_early, cut_off
from deliveries.channels.replies import Stage, enhanced_code, tidy
from deliveries.channels.reply_reader import LONGEST_LINE, NotAReply, ReplyReader

if TYPE_CHECKING:
    from deliveries.channels.smtp import Pool

# To the final dot, to MAIL, to RCPT, to DATA; and what follows the last line end.
_USUAL_ANSWERS = [b"250 ", b"250 ", b"250 ", b"354 ", b""]

_MARGIN = 1_024  # octets: RSET, DATA, and what TLS puts around the end of what is written

_Step = tuple[bytes, str, Letter | None]  # the octets, their stage, whose they are
_DOT_ALONE = "dot"  # the empty message that answers a 354 for a recipient who was refused
_QUIT = "quit"


class Dialogue(asyncio.Protocol):
    """One connection. It counts replies: `_expected` holds the steps whose answer is still to come.

    `open` must have returned before `start`; from then on it takes messages from its pool's queue by itself, until
    `leave`, `abort` or its loss. Each message that it took comes back through `Pool.settle`, once.
    """

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
        self._opening = Opening(self, pool.relay, tls=pool.tls_context, tls_problem=pool.tls_problem)
        self._reader = ReplyReader()
        self._expected: deque[tuple[str, Letter | None]] = deque()
        self._to_write: deque[_Step] = deque()  # step by step, without PIPELINING
        self._current: Letter | None = None  # from its MAIL to the answer to its DATA
        self._dotted: Letter | None = None  # from its final dot to the answer to it
        self._usual: tuple[Letter, Letter] | None = None  # this body and the next envelope, all outstanding
        self._owes_dot = self._owes_rset = False
        self._is_unwritten = False  # it was cut with the final dot still in this process
        self._certainty = Certainty(tell=pool.settle, doubt=pool.doubt)
        self._clock = AnswerClock(self._relay, now=self._loop.time)
        self._taken = 0  # messages, as some relays take only so many on one connection
        # Done once it was silent for so long that another takes its place.
        self.silent: asyncio.Future[None] = self._loop.create_future()
        self._is_abandoned = False  # the next envelope was taken back from it, and may not be answered here

    # What the transport calls

    def connection_made(self, transport: Any) -> None:
        self._transport = self._opening.transport = transport

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
            return
        if self._usual is not None and self._is_taken_as_usual(data):
            self._advance()
            return
        try:
            for code, lines in self._reader.read(data):
                self._answer(code, lines)
                if self._is_over:
                    return
        except NotAReply as error:
            self._violate(str(error))
            return
        if self._is_running:
            self._after_replies()

    def _is_taken_as_usual(self, data: bytes) -> bool:
        """Read the four answers of a relay that takes everything at once, as most come; say whether it was these."""
        assert self._usual is not None
        dotted, current = self._usual
        self._usual = None
        lines = data.split(b"\r\n")
        if len(lines) != 5 or b"\n" in lines[0] or len(data) > LONGEST_LINE:
            return False
        if [line[:4] for line in lines] != _USUAL_ANSWERS or b"\n" in lines[1] + lines[2] + lines[3]:
            return False
        self._expected.clear()
        self._dotted = None
        self.has_answered = current.has_begun = current.may_go = dotted.is_settled = True
        if self._certainty.unproven:
            self._certainty.note_proven()
        text = tidy([lines[0][4:]])
        self._pool.settle(
            Outcome(dotted.envelope.seq, Result.SENT, 250, enhanced_code(text), text, Stage.BODY.value)
        )
        return True

    def _after_replies(self) -> None:
        if self._expected:
            if self._reader.has_read_line:
                self._clock.start(is_body=self._dotted is not None)
        elif self._reader.has_begun_reply:
            # The beginning of a reply that nothing asked for.
            self._certainty.note_reply(self._reader.begun_code)
            self._violate("reply to nothing", is_surplus=True)
        else:
            self._certainty.tell_held()
            self._advance()

    # Opening

    async def open(self) -> None:
        """Connect, encrypt and sign in as the relay's settings ask; afterwards messages may be taken.

        Where that can't be had within `Relay.timeout_s` the connection is cut and ConnectFailed is raised. A
        cancelled call cuts it too.
        """
        try:
            self.capabilities = await self._opening.run()
        except (ConnectFailed, asyncio.CancelledError):
            self.abort("")
            raise

    def start(self) -> None:
        """Begin to take messages."""
        self._is_running = True
        self.wake()

    # Answers

    def _answer(self, code: int, lines: list[bytes]) -> None:
        certainty = self._certainty
        if certainty.held or certainty.unproven:
            certainty.note_reply(code)
        if not self._is_running:
            if not self._opening.take(code, lines):
                # Said in clear before TLS, it would count as said inside.
                self._violate("reply to nothing")
        elif code == 421:
            self._answer_goodbye(lines)
        elif not self._expected:
            self._violate("reply to nothing", is_surplus=True)
        else:
            step, letter = self._expected[0]
            _ANSWERS[step](self, letter, code, lines)
            if not self._is_over:
                self._expected.popleft()

    def _answer_goodbye(self, lines: list[bytes]) -> None:
        step, letter = self._expected[0] if self._expected else (Stage.CONNECT, None)
        if letter is not None and not letter.is_settled:
            self._settle(letter, step, 421, tidy(lines))
            self._give_up(f"relay closes: {tidy(lines)}")
        else:
            self._give_up(f"relay closes: {tidy(lines)}" if self._has_letters() else "")
        self._transport.abort()

    def _answer_mail(self, letter: Letter, code: int, lines: list[bytes]) -> None:
        if code < 300:
            letter.has_begun = True
        else:
            self._refuse(letter, Stage.MAIL, code, lines)

    def _answer_rcpt(self, letter: Letter, code: int, lines: list[bytes]) -> None:
        if code >= 300:
            self._refuse(letter, Stage.RCPT, code, lines)

    def _answer_data(self, letter: Letter, code: int, lines: list[bytes]) -> None:
        if code == 354:
            self._certainty.note_proven()
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

    def _answer_body(self, letter: Letter, code: int, lines: list[bytes]) -> None:
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

    def _answer_early(self, letter: Letter, code: int, lines: list[bytes]) -> None:
        """End the connection: the answer is another message's, or the relay has had enough. This one didn't leave."""
        if code >= 400:
            letter.is_settled = True
            self._certainty.hold(answered_early(letter.envelope.seq, code, tidy(lines)))
            self.abort("answered before the message was written")
        else:
            self._violate(f"{code} before the message was written", is_surplus=True)

    def _answer_dot(self, letter: Letter, code: int, lines: list[bytes]) -> None:
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

    def _refuse(self, letter: Letter, stage: str, code: int, lines: list[bytes]) -> None:
        """Settle the letter by its first refusal; what follows from it for the same recipient is dropped."""
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

    def _settle(self, letter: Letter, stage: str, code: int, text: str) -> None:
        letter.is_settled = True
        self._certainty.hold(answered(letter.envelope.seq, stage, code, text))

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
        group: list[_Step] = []
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
            self._clock.start(is_body=self._dotted is not None)
        else:
            self._to_write.extend(group)
            self._write_step()

    def _write_step(self) -> None:
        command, step, letter = self._to_write.popleft()
        self._expected.append((step, letter))
        self._transport.write(command)
        self._clock.start(is_body=self._dotted is not None)

    def _add_data(self, group: list[_Step]) -> None:
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

    def _add_envelope(self, group: list[_Step]) -> None:
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

    def _take(self) -> Letter | None:
        queue = self._pool.queue
        limit = self._relay.messages_per_connection
        while queue and not self._is_leaving and not self._is_paused and not (limit and self._taken >= limit):
            envelope = queue.popleft()
            try:
                letter = prepared(envelope, self.capabilities)
            except Unsendable as why:
                self._pool.settle(why.outcome(envelope.seq))
            else:
                self._taken += 1
                return letter
        return None

    def _rest_or_quit(self) -> None:
        limit = self._relay.messages_per_connection
        if self._is_leaving or (limit and self._taken >= limit):
            self._is_leaving = True
            self._pool.idle.discard(self)
            self._expected.append((_QUIT, None))
            self._transport.write(b"QUIT\r\n")
            self._clock.start_goodbye()
        else:
            self._clock.stop()
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

    def look_at_clock(self, now: float) -> None:
        """Give up where an answer is overdue, or let another connection take its place; `now` is the loop's time."""
        overdue = self._clock.overdue(now, is_silent=self.is_silent)
        if overdue is None:
            return
        is_goodbye = bool(self._expected) and self._expected[0][0] == _QUIT
        if overdue is Overdue.LATE:
            self.abort("" if is_goodbye else "no answer in time")
        elif self._expected and not is_goodbye:
            self._fall_silent()

    def _fall_silent(self) -> None:
        """Take nothing new and wait for the answer; the next envelope, of which nothing left, goes elsewhere."""
        if self._pool.is_closing and self._dotted is None:
            self.abort("")  # nothing of it has left, and nobody would wait for it
            return
        self._clock.forget_overdue()
        self._is_leaving, self._usual = True, None
        self._certainty.tell_held()
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
            self._certainty.take_back_unsure(fault)
        self._is_unwritten = self._dotted is not None and self._is_surely_unwritten()
        self.abort(fault)

    def _has_letters(self) -> bool:
        return self._dotted is not None or (self._current is not None and not self._current.is_settled)

    def _give_up(self, fault: str) -> None:
        if self._is_over:
            return
        self._is_over = True
        self.fault = fault
        self._clock.stop()
        self._pool.idle.discard(self)
        self._certainty.tell_held()
        self._opening.end(fault)
        dotted = Result.NOT_ATTEMPTED if self._is_unwritten else Result.IN_DOUBT
        is_ours = self._pool.is_closing or (self.is_silent and not self._pool.is_stuck)
        breaker = bool(fault) and not is_ours
        for letter, result in ((self._dotted, dotted), (self._current, Result.NOT_ATTEMPTED)):
            if letter is not None and not letter.is_settled:
                letter.is_settled = True
                self._pool.settle(cut_off(letter.envelope.seq, result, fault, breaker=breaker))


_ANSWERS: dict[str, Any] = {
    Stage.MAIL: Dialogue._answer_mail,
    Stage.RCPT: Dialogue._answer_rcpt,
    Stage.DATA: Dialogue._answer_data,
    Stage.BODY: Dialogue._answer_body,
    Stage.RSET: Dialogue._answer_rset,
    _DOT_ALONE: Dialogue._answer_dot,
    _QUIT: Dialogue._answer_quit,
}
