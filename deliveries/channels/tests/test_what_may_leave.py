"""What must never reach the wire doesn't, and what leaves fits the relay."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries.channels.base import Capabilities, Envelope, Outcome, Result
from deliveries.channels.opening import parse_capabilities
from deliveries.channels.paths import UnusableAddress, wire_path
from deliveries.tests.smtp_dialogue import BODY, exchange, letter, results, run
from deliveries.tests.smtp_server import Script, Server


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
