"""The pipelined dialogue against a server that does what a script says."""

import asyncio
import contextlib
from collections import Counter
from collections.abc import Coroutine
from typing import Any

import pytest
import uvloop
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.lib import clock
from campaign.lib.dots import dotted
from deliveries.channels.base import Capabilities, Envelope, Outcome, Relay, Result
from deliveries.channels.dialogue import Dialogue
from deliveries.channels.opening import parse_capabilities
from deliveries.channels.paths import UnusableAddress, wire_path
from deliveries.channels.smtp import Pool
from deliveries.tests.smtp_server import DROP, POLITE, SILENCE, TAKE_AND_DROP, Script, Server

BODY = b"Subject: hello\r\n\r\nhello\r\n"
ALL_ENDED = 10.0


def run(coroutine: Coroutine[Any, Any, Any]) -> Any:
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(asyncio.wait_for(coroutine, ALL_ENDED))


def letter(seq: int, *, recipient: str = "", sender: str = "", body: bytes = BODY) -> Envelope:
    return Envelope(
        seq,
        sender or f"b+{seq}@bounce.example",
        recipient or f"u{seq}@example.org",
        lambda capabilities: body,
    )


def relay(server: Server, **changes: Any) -> Relay:
    patience = {"timeout_s": 0.2, "body_timeout_s": 0.2, "tls": server.tls, "max_connections": 4}
    return Relay(host="127.0.0.1", port=server.port, **(patience | changes))


async def exchange(
    server: Server, letters: list[Envelope], *, connections: int = 1, **changes: Any
) -> dict[int, Outcome]:
    """Feed all, wait until each is decided, and check what must hold whatever the script."""
    async with Pool(relay(server, **changes), connections=connections, backoff_s=0.005) as pool:
        pool.feed(letters)
        outcomes = await pool.outcomes(at_least=len(letters))
        assert pool.pending == 0
    assert await pool.outcomes() == []
    assert sorted(outcome.seq for outcome in outcomes) == sorted(each.seq for each in letters)
    assert_truthful(server, outcomes)
    return {outcome.seq: outcome for outcome in outcomes}


def assert_truthful(server: Server, outcomes: list[Outcome]) -> None:
    assert server.faults == []
    times = Counter(server.taken)
    for outcome in outcomes:
        if outcome.result == Result.SENT:
            assert times[outcome.seq] == 1, outcome
        elif outcome.result != Result.IN_DOUBT:
            assert times[outcome.seq] == 0, outcome
        assert times[outcome.seq] <= 1
        assert outcome.text.isprintable()


def converse(script: Script, count: int = 3, **changes: Any) -> tuple[Server, dict[int, Outcome]]:
    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server(script) as server:
            return server, await exchange(server, [letter(seq) for seq in range(count)], **changes)

    return run(main())


def results(outcomes: dict[int, Outcome]) -> list[str]:
    return [outcomes[seq].result.value for seq in sorted(outcomes)]


WAYS = pytest.mark.parametrize(
    "extensions", [(b"PIPELINING", b"8BITMIME"), (b"8BITMIME",)], ids=["pipelined", "step by step"]
)


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


# Each answer at each step


REFUSALS = [
    b"450 4.2.0 Later",
    b"452 4.3.1 Full",
    b"550 5.1.1 Gone",
    b"550 5.7.1 No",
    b"503 5.5.1 What",
    b"554 No",
]


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


# What must never reach the wire


@pytest.mark.parametrize(
    "recipient",
    ["a b@example.org", "a\r\nRCPT TO:<x@y.z>@example.org", "a@exa\r\nmple.org", "a>@example.org", "<a@example.org",
     "a@b@example.org", "a\u2028b@example.org", "a@exam ple.org", "a@example.org>", "@example.org", "a@", "a", "",
     "a\x00@example.org", "a\x85@example.org", "a@xn--\u00e9-.org", "a" * 300 + "@example.org"],
)  # fmt: skip
def test_an_address_that_could_end_a_command_is_refused(recipient):
    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server() as server:
            bad = Envelope(1, "b+1@bounce.example", recipient, lambda capabilities: BODY)
            return server, await exchange(server, [letter(0), bad, letter(2)])

    server, outcomes = run(main())

    assert results(outcomes) == ["sent", "failed", "sent"]
    assert outcomes[1].code is None
    assert not outcomes[1].quarantines
    assert len([command for command in server.commands if command.startswith(b"RCPT")]) == 2


def test_a_sender_that_cannot_be_written_harms_no_recipient():
    async def main() -> dict[int, Outcome]:
        async with Server() as server:
            return await exchange(server, [letter(0, sender="a b@example.org")])

    outcome = run(main())[0]

    assert outcome.result == Result.NOT_ATTEMPTED
    assert outcome.breaker


@given(address=st.text(max_size=40))
@settings(max_examples=300, deadline=None)
def test_whatever_is_an_address_stays_one_word(address):
    with contextlib.suppress(UnusableAddress):
        path, is_wide = wire_path(address)

        assert is_wide != path.isascii()
        assert not set(path) & set("\r\n\t <>\x00\x85\u2028\u2029")
        assert path == "" or path.count("@") == 1


def test_an_international_domain_goes_in_ascii():
    assert wire_path("jose@bücher.example") == ("jose@xn--bcher-kva.example", False)
    assert wire_path("josé@bücher.example") == ("josé@xn--bcher-kva.example", True)


def test_an_international_address_waits_for_a_relay_that_takes_it():
    async def main(*extensions: bytes) -> tuple[Server, dict[int, Outcome]]:
        async with Server(Script(extensions=extensions)) as server:
            return server, await exchange(server, [letter(0, recipient="josé@example.org"), letter(1)])

    server, outcomes = run(main(b"PIPELINING", b"SMTPUTF8", b"8BITMIME"))
    assert results(outcomes) == ["sent", "sent"]
    assert [command for command in server.commands if command.startswith(b"MAIL")] == [
        b"MAIL FROM:<b+0@bounce.example> SMTPUTF8",
        b"MAIL FROM:<b+1@bounce.example>",
    ]

    server, outcomes = run(main(b"PIPELINING"))
    assert results(outcomes) == ["failed", "sent"]
    assert outcomes[0].reason == "not_supported"


def test_the_content_fits_the_relay():
    seen = []

    def fill(capabilities: Capabilities) -> bytes:
        seen.append(capabilities)
        return "é\r\n".encode()

    async def main(*extensions: bytes) -> tuple[Server, dict[int, Outcome]]:
        async with Server(Script(extensions=extensions)) as server:
            letters = [letter(0)._replace(fill=fill), letter(1, body=b"x" * 90 + b"\r\n")]
            return server, await exchange(server, letters)

    server, outcomes = run(main(b"PIPELINING", b"8BITMIME", b"SIZE 50"))
    assert results(outcomes) == ["sent", "failed"]
    assert outcomes[1].reason == "too_large"
    assert b"MAIL FROM:<b+0@bounce.example> SIZE=4 BODY=8BITMIME" in server.commands
    assert seen == [Capabilities(pipelining=True, eight_bit=True, size=50)]

    _, outcomes = run(main(b"PIPELINING"))
    assert results(outcomes) == ["failed", "sent"]
    assert outcomes[0].reason == "content"


def test_a_message_that_cannot_be_filled_fails_alone():
    def fill(capabilities: Capabilities) -> bytes:
        raise ValueError("first\n\x00name" + "x" * 500)

    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server() as server:
            return server, await exchange(server, [letter(0), letter(1)._replace(fill=fill), letter(2)])

    server, outcomes = run(main())

    assert results(outcomes) == ["sent", "failed", "sent"]
    assert (outcomes[1].reason, outcomes[1].breaker) == ("content", False)
    assert outcomes[1].text.startswith("ValueError: first  name")
    assert len(outcomes[1].text) == 300
    assert server.taken == [0, 2]


def test_offers_are_read_in_any_dress():
    lines = [
        b"relay\r",
        b"pipelining\r",
        b"SIZE 1000\r",
        b"AUTH=PLAIN LOGIN\r",
        b"AUTH XOAUTH2\r",
        b"\r",
        b"8bitMIME\r",
    ]

    assert parse_capabilities(lines) == Capabilities(
        pipelining=True, eight_bit=True, size=1000, auth=frozenset({"PLAIN", "LOGIN", "XOAUTH2"})
    )
    assert parse_capabilities([b"relay\r", b"SIZE\r", b"SIZE x\r"]).size == 0


# Stopping


def test_draining_returns_the_untouched_and_finishes_the_begun():
    async def main() -> tuple[Server, list[Outcome]]:
        async with Server(Script(delay_s=0.02)) as server:
            async with Pool(relay(server), connections=2) as pool:
                pool.feed([letter(seq) for seq in range(100)])
                some = await pool.outcomes(at_least=2)
                pool.drain()
                rest = await pool.outcomes(at_least=100)
                pool.feed([letter(100)])
                late = await pool.outcomes()
            return server, some + rest + late

    server, outcomes = run(main())

    counts = Counter(outcome.result for outcome in outcomes)
    assert counts[Result.SENT] == len(server.taken) <= 8
    assert counts[Result.NOT_ATTEMPTED] == 101 - len(server.taken)
    assert not any(outcome.breaker for outcome in outcomes)
    assert_truthful(server, outcomes)
    assert server.commands.count(b"QUIT") == 2


@WAYS
def test_what_is_no_longer_held_is_not_begun(extensions):
    """The process was frozen while the first was answered: the others may be somebody else's by now."""

    async def main() -> tuple[Server, list[Outcome], list[str]]:
        said: list[str] = []
        async with (
            Server(Script(extensions=extensions)) as server,
            Pool(relay(server), connections=1) as pool,
        ):

            def fill(capabilities: Capabilities) -> bytes:
                pool.holds_until = clock.elapsed()  # over once this one stands in its envelope
                return BODY

            pool.on_lapse = lambda: (said.append("lapsed"), pool.drain())[1]
            pool.feed([letter(0)._replace(fill=fill), letter(1), letter(2)])
            outcomes = await pool.outcomes(at_least=3, timeout=5)
        return server, outcomes, said

    server, outcomes, said = run(main())

    assert sorted((each.seq, each.result.value, each.breaker) for each in outcomes) == [
        (seq, "not_attempted", False) for seq in range(3)
    ]
    assert server.taken == []
    assert said[0] == "lapsed"


def test_closing_cuts_what_does_not_answer():
    async def main() -> list[Outcome]:
        async with Server(Script(answers={(0, "body"): SILENCE})) as server:
            pool = Pool(relay(server, timeout_s=30, body_timeout_s=600), connections=1)
            async with pool:
                pool.feed([letter(seq) for seq in range(3)])
                while len(server.commands) < 4:
                    await asyncio.sleep(0.001)
                await asyncio.sleep(0.01)
                await pool.close(grace_s=0.05)
            return await pool.outcomes()

    outcomes = run(main())

    assert {outcome.seq: outcome.result for outcome in outcomes} == {
        0: Result.IN_DOUBT, 1: Result.NOT_ATTEMPTED, 2: Result.NOT_ATTEMPTED,
    }  # fmt: skip
    assert not any(outcome.breaker for outcome in outcomes)


def test_waiting_for_outcomes_ends_with_its_time():
    async def main() -> list[Outcome]:
        async with Server(Script(answers={(0, "body"): SILENCE})) as server, Pool(relay(server)) as pool:
            pool.feed([letter(0)])
            return await pool.outcomes(timeout=0.02)

    assert run(main()) == []


def test_a_relay_that_closes_idle_connections_is_no_trouble():
    async def main() -> list[Outcome]:
        async with Server() as server, Pool(relay(server), connections=2) as pool:
            outcomes = []
            for seq in range(6):
                pool.feed([letter(seq)])
                outcomes += await pool.outcomes()
                server.cut()
                await asyncio.sleep(0.005)
            return outcomes

    assert [outcome.result for outcome in run(main())] == [Result.SENT] * 6


def test_a_message_is_filled_when_a_connection_takes_it():
    filled = []

    def fill(capabilities: Capabilities) -> bytes:
        filled.append(1)
        return BODY

    async def main() -> None:
        script = Script(answers={(0, "body"): SILENCE, (1, "data"): SILENCE})
        async with Server(script) as server, Pool(relay(server), connections=1) as pool:
            pool.feed([letter(seq)._replace(fill=fill) for seq in range(50)])
            await asyncio.sleep(0.05)
            assert len(filled) == 2
            await pool.close(grace_s=0)

    run(main())


# Connecting


def test_a_greeting_may_come_before_we_know_that_we_are_connected():
    async def main() -> None:
        pool = Pool(Relay(host="relay"))
        dialogue = Dialogue(pool)
        dialogue.data_received(b"220 relay.example\r\n")
        assert (await dialogue._opening.greeting).code == 220

    run(main())


@pytest.mark.parametrize(
    ("script", "connections", "code"),
    [
        (Script(greeting=b"554 5.3.2 No service here"), 1, 554),
        (Script(greeting=b"421 4.3.2 Too busy"), 3, 421),
        (Script(greeting=DROP), 3, None),
        (Script(greeting=SILENCE), 3, None),
        (Script(greeting=b"SSH-2.0-OpenSSH_9"), 3, None),
        (Script(ehlo=b"421 4.7.0 Go away"), 3, 421),
        (Script(ehlo=DROP), 3, None),
    ],
)
def test_a_relay_that_does_not_let_us_in(script, connections, code):
    server, outcomes = converse(script, count=20, connections=4, timeout_s=0.1)

    assert set(results(outcomes)) == {"not_attempted"}
    assert outcomes[19].code == code
    assert outcomes[19].stage in ("connect", "helo")
    assert outcomes[19].breaker
    assert server.connections == connections


def test_nobody_listens():
    async def main() -> list[Outcome]:
        async with Server() as server:
            port = server.port
        async with Pool(Relay(host="127.0.0.1", port=port), backoff_s=0.001) as pool:
            assert not await pool.connected()
            pool.feed([letter(0), letter(1)])
            return await pool.outcomes(at_least=2)

    outcomes = run(main())

    assert [(each.result, each.stage, each.breaker) for each in outcomes] == [
        (Result.NOT_ATTEMPTED, "connect", True)
    ] * 2


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
@pytest.mark.parametrize("mechanism", [b"AUTH PLAIN LOGIN", b"AUTH LOGIN"])
def test_mail_leaves_encrypted_and_signed_in(tmp_path, tls, mechanism):
    script = Script(
        extensions=(b"8BITMIME",),
        extensions_in_tls=(b"PIPELINING", mechanism),
        login=("José".encode(), b"p w"),
    )

    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server(script, tls=tls, folder=tmp_path) as server:
            settings = {
                "ca_file": str(tmp_path / "ca.pem"),
                "username": "José",
                "password": "p w",
                "timeout_s": 5,
            }
            return server, await exchange(
                server, [letter(seq) for seq in range(20)], connections=3, **settings
            )

    server, outcomes = run(main())

    assert results(outcomes) == ["sent"] * 20
    assert not any(command.startswith(b"MAIL") for command in server.commands[:2])


@pytest.mark.parametrize("tls", ["starttls", "implicit"])
def test_a_certificate_nobody_vouches_for_is_refused(tmp_path, tls):
    async def main(**changes: Any) -> tuple[Server, dict[int, Outcome]]:
        async with Server(tls=tls, folder=tmp_path) as server:
            return server, await exchange(server, [letter(0)], timeout_s=5, **changes)

    server, outcomes = run(main())
    assert results(outcomes) == ["not_attempted"]
    assert "certificate" in outcomes[0].text
    assert server.connections <= 1

    _, outcomes = run(main(verify=False))
    assert results(outcomes) == ["sent"]


def test_a_wrong_password_is_tried_once(tmp_path):
    async def main() -> tuple[Server, dict[int, Outcome]]:
        script = Script(extensions=(b"PIPELINING", b"AUTH PLAIN"), login=(b"a", b"right"))
        async with Server(script) as server:
            letters = [letter(seq) for seq in range(9)]
            return server, await exchange(server, letters, connections=4, username="a", password="wrong")

    server, outcomes = run(main())

    assert set(results(outcomes)) == {"not_attempted"}
    assert (outcomes[0].code, outcomes[0].enhanced, outcomes[0].breaker) == (535, "5.7.8", True)
    assert server.connections == 1


@pytest.mark.parametrize("starttls", [b"454 4.7.0 Not now", b"220 Go\r\n250 2.0.0 Injected", b"220 Go\r\n25"])
def test_nothing_is_sent_in_clear_where_tls_is_asked(tmp_path, starttls):
    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server(Script(starttls=starttls), tls="starttls", folder=tmp_path) as server:
            return server, await exchange(server, [letter(0)], ca_file=str(tmp_path / "ca.pem"))

    server, outcomes = run(main())

    assert results(outcomes) == ["not_attempted"]
    assert not any(command.startswith(b"MAIL") for command in server.commands)


def test_a_hidden_offer_of_starttls_stops_us():
    async def main() -> dict[int, Outcome]:
        async with Server() as server:
            return await exchange(server, [letter(0)], tls="starttls")

    outcomes = run(main())

    assert results(outcomes) == ["not_attempted"]
    assert "STARTTLS" in outcomes[0].text


def test_a_password_is_not_shown():
    assert "secret" not in repr(Relay(host="relay", username="me", password="secret"))


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
