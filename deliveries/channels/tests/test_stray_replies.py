"""A relay that says more than it was asked: no recipient gets another's answer, or it is said that he may have."""

import asyncio
from typing import Any

import pytest

from deliveries.channels.base import Outcome, Relay
from deliveries.channels.smtp import Pool
from deliveries.tests.smtp_dialogue import letter, run

LARGE = b"Subject: x\r\n\r\n" + (b"x" * 60_000 + b"\r\n") * 300  # more than the kernel takes at once


class Talker:
    """A relay that says to the n-th final dot what the test wants, now and a moment later."""

    def __init__(
        self, said: dict[int, list[bytes]], *, early: bytes = b"", extensions: bytes = b"PIPELINING"
    ) -> None:
        self.said, self.early, self.extensions = said, early, extensions
        self.took: list[bytes] = []
        self.dots = 0
        self.port = 0

    async def __aenter__(self) -> "Talker":
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        recipient = b""
        writer.write(b"220 relay.example\r\n")
        while line := await reader.readline():
            match line[:4].upper():
                case b"EHLO":
                    writer.write(b"250-relay.example\r\n250 %b\r\n" % self.extensions)
                case b"RCPT":
                    recipient = line
                    writer.write(b"250 Ok\r\n")
                case b"DATA":
                    writer.write(b"354 Go\r\n")
                    if self.early:
                        await reader.readline()  # the message has begun
                        writer.write(self.early)
                        self.early = b""
                        await asyncio.sleep(0.1)  # and is not read on for a while
                    while (line := await reader.readline()) and line != b".\r\n":
                        pass
                    if line:
                        await self._answer(recipient, writer)
                case b"QUIT":
                    writer.write(b"221 Bye\r\n")
                    writer.close()
                    return
                case _:
                    writer.write(b"250 Ok\r\n")
        writer.close()

    async def _answer(self, recipient: bytes, writer: asyncio.StreamWriter) -> None:
        self.dots += 1
        said = self.said.get(self.dots, [b"250 Taken"])
        if said[-1][:1] == b"2":
            self.took.append(recipient)
        for place, answer in enumerate(said):
            if place:
                await writer.drain()
                await asyncio.sleep(0.02)
            writer.write(answer + b"\r\n")


async def converse(
    talker: Talker, count: int, **changes: Any
) -> tuple[dict[int, Outcome], list[tuple[Outcome, Outcome]]]:
    outcomes: list[Outcome] = []
    doubted: list[tuple[Outcome, Outcome]] = []
    async with talker, Pool(Relay(host="127.0.0.1", port=talker.port), connections=1) as pool:
        pool.on_doubt = lambda told, now: doubted.append((told, now))
        pool.feed([letter(seq, **changes) for seq in range(count)])
        while len(outcomes) < count:
            outcomes += await pool.outcomes(timeout=1)
        await asyncio.sleep(0.05)
    return {outcome.seq: outcome for outcome in outcomes}, doubted


def became(outcomes: dict[int, Outcome]) -> list[str]:
    return [outcomes[seq].result.value for seq in sorted(outcomes)]


# The stray answer of one message comes when the next is judged, and then that one's own.
@pytest.mark.parametrize("own", [b"550 5.1.1 Gone", b"451 4.3.0 Later", b"554 No"])
def test_a_stray_success_never_makes_a_message_sent_that_was_refused(own):
    talker = Talker({2: [b"250 Taken", own]})

    outcomes, doubted = run(converse(talker, 3))

    assert became(outcomes)[:2] == ["sent", "in_doubt"]
    assert became(outcomes)[2] in ("not_attempted", "sent")
    assert not any(outcome.quarantines for outcome in outcomes.values())
    assert doubted == []


def test_a_stray_refusal_never_fails_a_message_that_was_taken():
    talker = Talker({2: [b"550 5.1.1 Gone", b"250 Taken"]})

    outcomes, _ = run(converse(talker, 3))

    assert became(outcomes)[:2] == ["sent", "in_doubt"]


def test_where_either_answer_says_the_same_nobody_is_in_doubt():
    talker = Talker({2: [b"250 Taken", b"250 Taken"]})

    outcomes, doubted = run(converse(talker, 3))

    assert became(outcomes)[:2] == ["sent", "sent"]
    assert doubted == []


@pytest.mark.parametrize("extensions", [b"PIPELINING", b"8BITMIME"], ids=["pipelined", "step by step"])
def test_of_a_last_message_whose_outcome_was_told_it_is_said_that_it_is_unknown(extensions):
    talker = Talker({2: [b"250 Taken", b"550 5.1.1 Gone"]}, extensions=extensions)

    outcomes, doubted = run(converse(talker, 2))

    assert became(outcomes) == ["sent", "sent"]
    ((told, now),) = doubted
    assert (told.seq, told.result.value, now.result.value) == (1, "sent", "in_doubt")


def test_an_answer_that_comes_before_a_message_was_written_is_not_its_own():
    talker = Talker({}, early=b"250 Taken\r\n")

    outcomes, _ = run(converse(talker, 1, body=LARGE))

    assert became(outcomes) == ["not_attempted"]
    assert talker.took == []


def test_a_refusal_that_comes_before_a_message_was_written_has_it_asked_again():
    talker = Talker({}, early=b"552 5.3.4 Too large\r\n")

    outcomes, _ = run(converse(talker, 1, body=LARGE))

    assert became(outcomes) == ["retry"]
    assert talker.took == []


def test_a_354_proves_the_answers_before_it():
    talker = Talker({3: [b"250 Taken", b"550 5.1.1 Gone"]})

    outcomes, doubted = run(converse(talker, 3))

    assert became(outcomes) == ["sent"] * 3
    assert [told.seq for told, _now in doubted] == [2]


def test_a_goodbye_after_the_answer_takes_nothing_back():
    talker = Talker({1: [b"250 Taken\r\n421 4.3.2 Closing"]})

    outcomes, doubted = run(converse(talker, 1))

    assert became(outcomes) == ["sent"]
    assert doubted == []
