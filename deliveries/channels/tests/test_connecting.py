"""Connections as they begin: relays that are away, refuse us, or offer less than was asked."""

from typing import Any

import pytest

from deliveries.channels.base import Outcome, Relay, Result
from deliveries.channels.dialogue import Dialogue
from deliveries.channels.smtp import Pool
from deliveries.tests.smtp_dialogue import converse, exchange, letter, results, run
from deliveries.tests.smtp_server import DROP, SILENCE, Script, Server


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
