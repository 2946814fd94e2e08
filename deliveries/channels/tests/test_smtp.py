"""The pipelined dialogue against a server that does what a script says."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.lib.dots import dotted
from deliveries.channels.base import Outcome, Result
from deliveries.channels.smtp import Pool
from deliveries.tests.smtp_dialogue import (
    BODY,
    WAYS,
    assert_truthful,
    converse,
    exchange,
    letter,
    relay,
    results,
    run,
)
from deliveries.tests.smtp_server import DROP, POLITE, SILENCE, TAKE_AND_DROP, Script, Server

REFUSALS = [
    b"450 4.2.0 Later",
    b"452 4.3.1 Full",
    b"550 5.1.1 Gone",
    b"550 5.7.1 No",
    b"503 5.5.1 What",
    b"554 No",
]


# What goes well


@WAYS
def test_every_message_arrives_once_and_as_it_was(extensions):
    server, outcomes = converse(Script(extensions=extensions), count=50, connections=4)

    assert results(outcomes) == ["sent"] * 50
    assert outcomes[7] == Outcome(7, Result.SENT, 250, "2.0.0", "2.0.0 Ok: queued", "body")
    assert set(server.bodies.values()) == {BODY}
    assert server.commands.count(b"QUIT") == server.connections


def test_a_body_and_the_next_envelope_leave_together():
    server, _ = converse(Script(), count=3)

    assert [command[:4] for command in server.commands] == [
        b"EHLO", b"MAIL", b"RCPT", b"DATA", b"MAIL", b"RCPT", b"DATA", b"MAIL", b"RCPT", b"DATA", b"QUIT",
    ]  # fmt: skip


def test_a_server_without_ehlo_is_spoken_to_step_by_step():
    server, outcomes = converse(Script(ehlo=b"502 5.5.1 What?", extensions=()))

    assert results(outcomes) == ["sent"] * 3
    assert b"HELO localhost" in server.commands


def test_a_connection_is_changed_after_so_many_messages():
    server, outcomes = converse(Script(), count=7, messages_per_connection=3)

    assert results(outcomes) == ["sent"] * 7
    assert server.connections == 3


@given(chops=st.lists(st.integers(0, 400), max_size=6))
@settings(max_examples=30, deadline=None)
def test_it_does_not_matter_where_replies_are_cut(chops):
    answers = {(0, "rcpt"): b"550-5.1.1 The account\r\n550-5.1.1 that you tried\r\n550 5.1.1 is gone"}

    _, outcomes = converse(Script(answers=answers, chops=tuple(chops)))

    assert results(outcomes) == ["failed", "sent", "sent"]
    assert outcomes[0].text == "5.1.1 The account that you tried is gone"


@pytest.mark.parametrize("octets", [1, 2, 3, 5])
def test_replies_may_come_octet_by_octet(octets):
    _, outcomes = converse(Script(chop=octets))

    assert results(outcomes) == ["sent"] * 3


@given(body=st.lists(st.sampled_from([b".", b"\r\n", b"\n", b"\r", b"a", b"..", b"\r\n.\r\n"])).map(b"".join))
@settings(max_examples=300, deadline=None)
def test_no_body_ends_early(body):
    sent = dotted(body)

    inner = b"\r\n" + sent
    assert inner.find(b"\r\n.\r\n") == len(inner) - 5
    assert sent.count(b"\r") == sent.count(b"\n") == sent.count(b"\r\n")
    received = (b"\r\n" + sent[:-3]).replace(b"\r\n.", b"\r\n")[2:]
    plain = body.replace(b"\r\n", b"\n").replace(b"\r", b"\n").replace(b"\n", b"\r\n")
    assert received == plain or received == plain + b"\r\n"


@WAYS
@pytest.mark.parametrize("answer", REFUSALS)
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "body"])
def test_a_refusal_concerns_its_own_message_only(extensions, step, answer):
    server, outcomes = converse(Script(answers={(1, step): answer}, extensions=extensions))

    assert results(outcomes)[0] == results(outcomes)[2] == "sent"
    assert outcomes[1].result in (Result.FAILED, Result.RETRY)
    assert (outcomes[1].code, outcomes[1].stage) == (int(answer[:3]), step)
    assert server.connections == 1
    assert b"RSET" in server.commands or step in ("mail", "body")


@pytest.mark.parametrize("ends", [b"250 2.0.0 Took nothing", b"554 5.5.1 Nobody", b"451 4.0.0 Hm"])
@pytest.mark.parametrize("step", ["mail", "rcpt"])
def test_a_354_for_a_refused_recipient_gets_a_lone_dot(step, ends):
    answers = {(1, step): b"550 5.1.1 Gone", (1, "data"): POLITE["data"], (1, "dot"): ends}

    server, outcomes = converse(Script(answers=answers))

    assert server.taken == [0, 2]
    assert outcomes[1].stage == step
    assert results(outcomes)[0] == results(outcomes)[2] == "sent"


def test_an_unknown_recipient_is_told_from_a_refused_sender():
    answers = {
        (0, "rcpt"): b"550 5.1.1 Gone",
        (1, "mail"): b"550 5.1.1 Gone",
        (2, "body"): b"550 5.2.1 Closed",
    }

    _, outcomes = converse(Script(answers=answers))

    assert [outcomes[seq].quarantines for seq in range(3)] == [True, False, True]
    assert [outcomes[seq].breaker for seq in range(3)] == [False, True, False]
    assert results(outcomes) == ["failed", "retry", "failed"]


@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "body"])
def test_421_closes_and_the_rest_goes_over_another_connection(step):
    server, outcomes = converse(Script(answers={(1, step): b"421 4.3.2 Closing"}), count=4)

    assert outcomes[1].result == Result.RETRY
    assert outcomes[1].breaker
    assert outcomes[0].result == outcomes[3].result == Result.SENT
    assert server.connections == 2


def test_a_relay_that_limits_a_connection_gets_them_all_in_the_end():
    _, outcomes = converse(Script(goodbye_after=3), count=12)

    assert results(outcomes).count("sent") == 9
    assert results(outcomes).count("retry") == 3


@WAYS
@pytest.mark.parametrize("cut", [DROP, SILENCE])
@pytest.mark.parametrize("step", ["mail", "rcpt", "data", "body"])
def test_a_connection_that_goes_away(extensions, step, cut):
    server, outcomes = converse(Script(answers={(1, step): cut}, extensions=extensions), count=4)

    assert outcomes[1].result == (Result.IN_DOUBT if step == "body" else Result.NOT_ATTEMPTED)
    assert outcomes[1].breaker
    assert outcomes[3].result == Result.SENT
    # Patience with silence is measured by the clock: a busy machine may lose it with the next one, too.
    assert server.connections == 2 or (cut == SILENCE and server.connections > 2)


def test_a_message_taken_without_a_word_is_in_doubt():
    server, outcomes = converse(Script(answers={(1, "body"): TAKE_AND_DROP}), count=4)

    assert outcomes[1].result == Result.IN_DOUBT
    assert 1 in server.taken


def test_a_relay_that_always_drops_at_the_dot_puts_few_in_doubt():
    answers = {(seq, "body"): DROP for seq in range(100)}

    _, outcomes = converse(Script(answers=answers), count=100, connections=4)

    counts = Counter(results(outcomes))
    assert counts["in_doubt"] <= 4 + 4 + 3
    assert counts["sent"] == 0
    assert outcomes[99].breaker


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("mail", b"250 2.1.0 Ok\r\n250 2.1.0 Ok"),
        ("body", b"250 2.0.0 Ok\r\n250 2.0.0 Ok"),
        ("data", b"354 Go\r\n250 2.0.0 Taken already"),
        ("data", b"250 2.0.0 What?"),
        ("data", b"220 Hello"),
        ("rcpt", b"354 Go"),
        ("mail", b"334 Go"),
        ("rcpt", b"250-Ok\r\n550 No"),
        ("rcpt", b"hello"),
        ("rcpt", b"250" + b"x" * 10_000),
        ("rcpt", b"250 " + b"x" * 10_000),
        ("rcpt", b"\r\n".join([b"250-more and more"] * 5_000)),
    ],
)
@WAYS
def test_a_dialogue_that_got_confused_is_given_up(extensions, step, answer):
    _, outcomes = converse(Script(answers={(1, step): answer}, extensions=extensions), count=4)

    assert outcomes[1].result in (Result.NOT_ATTEMPTED, Result.SENT)
    assert outcomes[3].result == Result.SENT


@WAYS
@pytest.mark.parametrize(
    "early", [b"354 Go\r\n250 2.0.0 Taken already", b"354 Go\r\n250-Taken", b"354 Go\r\n2"]
)
def test_no_body_leaves_where_an_answer_came_before_it(extensions, early):
    server, outcomes = converse(Script(answers={(1, "data"): early}, extensions=extensions))

    assert results(outcomes)[:2] == ["sent", "not_attempted"]
    assert server.taken[:1] == [0]
    assert 1 not in server.taken


def test_patience_with_a_final_dot_is_not_lent_to_other_steps():
    script = Script(answers={(1, "mail"): SILENCE})

    _, outcomes = converse(script, timeout_s=0.1, body_timeout_s=600)

    assert results(outcomes) == ["sent", "not_attempted", "sent"]


def test_a_large_message_arrives_whole():
    body = b"".join(b"%070d\r\n" % number for number in range(40_000))

    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server() as server:
            letters = [letter(seq, body=body) for seq in range(6)]
            return server, await exchange(server, letters, connections=2, timeout_s=5, body_timeout_s=5)

    server, outcomes = run(main())

    assert results(outcomes) == ["sent"] * 6
    assert all(taken == body for taken in server.bodies.values())


def test_a_3xx_to_the_dot_leaves_doubt():
    _, outcomes = converse(Script(answers={(1, "body"): b"354 More?"}))

    assert outcomes[1].result == Result.IN_DOUBT


def test_a_relay_that_forgets_what_was_pipelined_loses_nobody():
    _, outcomes = converse(Script(ignores_pipelined=True), count=3, connections=1)

    assert set(results(outcomes)) <= {"sent", "not_attempted"}
    assert outcomes[0].result == Result.SENT


# Whatever the script


STEPS = ["mail", "rcpt", "data", "body", "dot", "rset"]
ANSWERS = [
    *REFUSALS, DROP, TAKE_AND_DROP, b"421 4.3.2 Bye", b"354 Go", b"250 2.0.0 Ok", b"250-2.0.0 Two\r\n250 2.0.0 lines",
    b"550-5.1.1 Two\r\n550 5.1.1 lines", b"250 Ok\r\n250 Ok", b"550 No\r\n550 No", b"354 Go\r\n250 Ok", b"gibberish", b"",
]  # fmt: skip


@given(
    count=st.integers(1, 12),
    answers=st.dictionaries(
        st.tuples(st.integers(0, 11), st.sampled_from(STEPS)), st.sampled_from(ANSWERS), max_size=12
    ),
    pipelining=st.booleans(),
    chops=st.lists(st.integers(0, 100), max_size=3),
    connections=st.integers(1, 4),
    goodbye_after=st.sampled_from([0, 0, 2]),
    limit=st.sampled_from([0, 0, 3]),
    drain_after=st.sampled_from([None, None, 0, 1, 3]),
)
@settings(max_examples=300, deadline=None)
def test_each_envelope_comes_back_once_and_the_outcome_is_true(
    count, answers, pipelining, chops, connections, goodbye_after, limit, drain_after
):
    if chops:  # then an answer to the dot before the dot could not be told from a true one
        answers = {key: answer for key, answer in answers.items() if answer != b"354 Go\r\n250 Ok"}
    script = Script(answers=answers, chops=tuple(chops), goodbye_after=goodbye_after)
    if not pipelining:
        script.extensions = (b"8BITMIME",)

    async def main() -> tuple[Server, list[Outcome]]:
        async with Server(script) as server:
            limits = relay(server, timeout_s=0.1, body_timeout_s=0.1, messages_per_connection=limit)
            async with Pool(limits, connections=connections, backoff_s=0.001) as pool:
                pool.feed([letter(seq) for seq in range(count)])
                outcomes = await pool.outcomes(at_least=count if drain_after is None else drain_after)
                pool.drain()
                outcomes += await pool.outcomes(at_least=count)
                assert pool.pending == 0
            return server, outcomes

    server, outcomes = run(main())

    assert sorted(outcome.seq for outcome in outcomes) == list(range(count))
    if chops and any(answer.count(b"\n") and b"-" not in answer for answer in answers.values()):
        server.faults.clear()  # an answer too many, in a packet of its own, makes anybody go on too early
    assert_truthful(server, outcomes)
