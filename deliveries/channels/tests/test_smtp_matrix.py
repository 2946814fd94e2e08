"""Every class of reply at every step, dropped, slow or lying: each envelope comes back once, and what is said is so.

What a dialogue says is checked against the server's own record (`test_smtp.assert_truthful`), and here also: in
doubt is only a message whose final dot the server read.
"""

import pytest

from deliveries.channels.base import Envelope, Outcome
from deliveries.tests.smtp_dialogue import exchange, letter, results, run
from deliveries.tests.smtp_server import DROP, SILENCE, TAKE_AND_DROP, Script, Server

PIPELINED, STEP_BY_STEP = (b"PIPELINING", b"8BITMIME"), (b"8BITMIME",)
SENT, RETRY, FAILED = {"sent"}, {"retry"}, {"failed", "retry"}
IN_DOUBT, UNTOUCHED = {"in_doubt"}, {"not_attempted"}

ANSWERS = {
    "2xx": b"252 2.5.0 Well",
    "2xx in lines": b"250-2.0.0 Well\r\n250-\r\n250 2.0.0 yes",
    "3xx": b"334 More?",
    "4xx": b"450 4.2.0 Later",
    "4xx in lines": b"450-4.2.0 Later\r\n450 4.2.0 perhaps",
    "5xx": b"550 5.7.1 No",
    "5xx in lines": b"550-5.1.1 No\r\n550 5.1.1 body",
    "421": b"421 4.3.2 Closing",
    "two codes in lines": b"250-Yes\r\n550 No",
    "garbage": b"\x00\xff hello?",
    "nothing": b"",
    "a code alone": b"250",
    "half a reply": b"250-2.0.0 to be continued",
    "dropped": DROP,
    "silence": SILENCE,
}
SILENT = {"two codes in lines", "garbage", "nothing", "half a reply", "dropped", "silence"}


def expected(step: str, answer: str) -> set[str]:
    """What may become of the message that got this answer at this step."""
    if (step, answer) == ("body", "half a reply"):
        return SENT | IN_DOUBT  # the next reply of this code ends it
    is_good = answer in {"2xx", "2xx in lines", "a code alone"}
    if answer in SILENT or answer == "3xx":
        return IN_DOUBT if step == "body" else UNTOUCHED
    if is_good:
        return UNTOUCHED if step == "data" else SENT
    return RETRY if answer[0] == "4" else FAILED


async def converse(
    script: Script, *letters: Envelope, **changes: object
) -> tuple[Server, dict[int, Outcome]]:
    async with Server(script) as server:
        outcomes = await exchange(server, list(letters or map(letter, range(4))), **changes)
        for outcome in outcomes.values():
            assert outcome.result != "in_doubt" or outcome.seq in server.dots
        return server, outcomes


WAYS = pytest.mark.parametrize("extensions", [PIPELINED, STEP_BY_STEP], ids=["pipelined", "step by step"])


@WAYS
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "body"])
def test_an_answer_decides_about_its_own_message_alone(step, answer, extensions):
    script = Script(answers={(1, step): ANSWERS[answer]}, extensions=extensions)

    _, outcomes = run(converse(script))

    assert outcomes[1].result in expected(step, answer)
    assert outcomes[0].result == outcomes[3].result == "sent"
    # Its envelope may have shared a group with this body: then it is sent later, and never in doubt.
    assert outcomes[2].result in {"sent", "not_attempted", "retry"}


@WAYS
@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_to_rset_is_nobodys_verdict(answer, extensions):
    answers = {(1, "rcpt"): b"550 5.1.1 Gone", (1, "rset"): ANSWERS[answer]}

    _, outcomes = run(converse(Script(answers=answers, extensions=extensions)))

    assert results(outcomes)[:2] == ["sent", "failed"]
    assert outcomes[2].result in {"sent", "not_attempted", "retry"}
    assert outcomes[3].result == "sent"


@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("step", ["greeting", "ehlo"])
def test_an_answer_before_the_first_message_burns_nobody(step, answer):
    said = {"greeting": ANSWERS[answer]} if step == "greeting" else {"ehlo": ANSWERS[answer]}

    server, outcomes = run(converse(Script(extensions=STEP_BY_STEP, **said), timeout_s=0.1))

    # Only an EHLO may be refused (there is HELO), or be answered 250 in any number of lines.
    goes_on = step == "ehlo" and answer[:3] in {"5xx", "2xx", "a c"} and answer != "2xx"
    assert set(results(outcomes)) == (SENT if goes_on else UNTOUCHED)
    assert goes_on or all(outcome.breaker for outcome in outcomes.values())
    assert goes_on or not server.dots


@WAYS
def test_a_message_that_was_taken_without_a_word_is_never_called_anything_but_in_doubt(extensions):
    answers = {(seq, "body"): TAKE_AND_DROP for seq in (0, 2)}

    server, outcomes = run(converse(Script(answers=answers, extensions=extensions)))

    assert [outcomes[0].result, outcomes[2].result] == ["in_doubt", "in_doubt"]
    assert {0, 2} <= set(server.taken)


# Slow


@WAYS
def test_a_relay_that_is_slow_at_every_step_gets_them_all(extensions):
    _, outcomes = run(converse(Script(delay_s=0.03, extensions=extensions), timeout_s=5, body_timeout_s=5))

    assert set(results(outcomes)) == SENT


@WAYS
def test_an_answer_to_the_dot_that_comes_too_late_was_not_read(extensions):
    script = Script(delay_s=0.2, extensions=extensions)

    server, outcomes = run(converse(script, letter(0), timeout_s=5, body_timeout_s=0.05))

    assert results(outcomes) == ["in_doubt"]
    assert server.taken == [0]


# Lies


def test_a_relay_that_offers_pipelining_and_reads_one_command_at_a_time_gets_nothing_and_harms_nobody():
    server, outcomes = run(converse(Script(reads_one_by_one=True), timeout_s=0.05))

    assert set(results(outcomes)) == UNTOUCHED
    assert not server.dots
    assert outcomes[3].breaker


@WAYS
@pytest.mark.parametrize(
    ("offer", "step", "reply", "result", "reason"),
    [
        (b"8BITMIME", "mail", b"555 5.5.4 BODY=8BITMIME is not known here", {"failed", "retry"}, None),
        (b"8BITMIME", "body", b"554 5.6.1 No eight bits, please", {"failed"}, None),
        (b"SIZE 100000", "mail", b"552 5.3.4 Too large after all", {"failed"}, "too_large"),
        (b"SIZE 100000", "body", b"552 5.3.4 Too large after all", {"failed"}, "too_large"),
        (b"SIZE 0", "mail", b"452 4.3.1 No room", {"retry"}, None),
        (b"SMTPUTF8", "rcpt", b"553 5.6.7 No international addresses", {"failed"}, "not_supported"),
    ],
)
def test_an_offer_that_is_not_kept_costs_one_message(extensions, offer, step, reply, result, reason):
    script = Script(answers={(1, step): reply}, extensions=(*extensions, offer))
    bodies = [b"Subject: x\r\n\r\n\xc3\xa9\r\n"] * 3

    _, outcomes = run(converse(script, *(letter(seq, body=body) for seq, body in enumerate(bodies))))

    assert [outcomes[0].result, outcomes[2].result] == ["sent", "sent"]
    assert outcomes[1].result in result
    assert not outcomes[1].quarantines
    assert reason is None or outcomes[1].reason == reason


@pytest.mark.parametrize(
    "offer", [b"SIZE -1", b"SIZE 99999999999999999999999", b"SIZE x", b"SIZE", b"SIZE 1 2 3"]
)
def test_an_offer_of_a_size_that_makes_no_sense_stops_nobody_for_good(offer):
    _, outcomes = run(converse(Script(extensions=(*PIPELINED, offer))))

    assert set(results(outcomes)) == (FAILED - RETRY if offer == b"SIZE 1 2 3" else SENT)
