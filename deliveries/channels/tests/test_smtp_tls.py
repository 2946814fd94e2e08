"""Encryption and sign-in, with real sockets and certificates: nothing goes to whom it should not, nor in clear."""

import asyncio
import base64
import logging
import socket
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from deliveries.channels.base import Outcome, Relay, Result
from deliveries.channels.smtp import Pool
from deliveries.tests.certificates import Certified, authority, certified
from deliveries.tests.smtp_dialogue import exchange, letter, results, run
from deliveries.tests.smtp_server import Script, Server, _Talk

PASSWORD = "s3cret passé"
LOGIN = (b"news", PASSWORD.encode())
WAYS = pytest.mark.parametrize("tls", ["starttls", "implicit"])


@pytest.fixture
def ca_file(tmp_path: Path) -> str:
    file = tmp_path / "authority.pem"
    file.write_bytes(authority().pem)
    return str(file)


def meet(
    shown: Certified, folder: Path, *, tls: str, script: Script | None = None, **changes: Any
) -> tuple[Server, dict[int, Outcome]]:
    """Send three messages to a relay that shows this certificate."""

    async def main() -> tuple[Server, dict[int, Outcome]]:
        server = Server(script, tls=tls, folder=folder)
        server.context = shown.context(folder)
        async with server:
            return server, await exchange(server, [letter(seq) for seq in range(3)], timeout_s=5, **changes)

    return run(main())


def said(server: Server, verb: bytes) -> list[bytes]:
    return [command for command in server.commands if command.startswith(verb)]


@WAYS
def test_a_relay_whose_certificate_the_routes_file_vouches_for(tmp_path, ca_file, tls):
    shown = certified("127.0.0.1", by=authority())

    _, outcomes = meet(shown, tmp_path, tls=tls, ca_file=ca_file)

    assert results(outcomes) == ["sent"] * 3


BAD = {
    "another host's": lambda: certified("relay.example", "10.0.0.1", by=authority()),
    "expired": lambda: certified(
        "127.0.0.1", by=authority(), age=timedelta(days=60), life=timedelta(days=30)
    ),
    "not valid yet": lambda: certified("127.0.0.1", by=authority(), age=timedelta(days=-2)),
    "signed by itself": lambda: certified("127.0.0.1"),
    "another authority's": lambda: certified("127.0.0.1", by=authority("Somebody else")),
}


@WAYS
@pytest.mark.parametrize("bad", BAD)
def test_a_certificate_that_is_not_good_gets_neither_mail_nor_password(tmp_path, ca_file, tls, bad):
    script = Script(extensions=(b"PIPELINING", b"AUTH PLAIN LOGIN"), login=LOGIN)

    server, outcomes = meet(
        BAD[bad](), tmp_path, tls=tls, script=script, ca_file=ca_file, username="news", password=PASSWORD
    )

    assert results(outcomes) == ["not_attempted"] * 3
    assert outcomes[0].breaker
    assert "certificate" in outcomes[0].text
    assert said(server, b"AUTH") == said(server, b"MAIL") == []


@WAYS
def test_without_a_file_the_systems_authorities_decide(tmp_path, tls):
    _, outcomes = meet(certified("127.0.0.1", by=authority()), tmp_path, tls=tls)

    assert results(outcomes) == ["not_attempted"] * 3


@pytest.mark.parametrize("content", [None, b"", b"rubbish"])
def test_a_file_of_certificates_that_can_t_be_used_is_named(tmp_path, content):
    file = tmp_path / "own.pem"
    if content is not None:
        file.write_bytes(content)

    server, outcomes = meet(certified("127.0.0.1"), tmp_path, tls="starttls", ca_file=str(file))

    assert results(outcomes) == ["not_attempted"] * 3
    assert "file of trusted certificates" in outcomes[0].text
    assert server.connections == 0


def test_a_relay_that_no_longer_offers_starttls_gets_nothing_in_clear(ca_file):
    script = Script(extensions=(b"PIPELINING", b"AUTH PLAIN LOGIN"), login=LOGIN)

    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server(script) as server:
            return server, await exchange(
                server, [letter(0)], tls="starttls", ca_file=ca_file, username="news", password=PASSWORD
            )

    server, outcomes = run(main())

    assert results(outcomes) == ["not_attempted"]
    assert said(server, b"AUTH") == said(server, b"MAIL") == []


def test_what_was_offered_in_clear_does_not_count_inside(tmp_path, ca_file):
    """A sign-in or an extension that somebody on the way wrote into the first EHLO is not used."""
    script = Script(
        extensions=(b"PIPELINING", b"8BITMIME", b"AUTH LOGIN"),
        extensions_in_tls=(b"AUTH PLAIN",),
        login=LOGIN,
    )
    shown = certified("127.0.0.1", by=authority())

    server, outcomes = meet(
        shown, tmp_path, tls="starttls", script=script, ca_file=ca_file, username="news", password=PASSWORD
    )

    assert results(outcomes) == ["sent"] * 3
    assert [command[:10] for command in said(server, b"AUTH")] == [b"AUTH PLAIN"]


# Passwords


def own_address() -> str:
    """An address of this machine that is not the loopback's; nothing is sent to find it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("192.0.2.1", 9))
        except OSError:
            pytest.skip("this machine has no network, only the loopback")
        return probe.getsockname()[0]


@pytest.mark.parametrize("allowed", [False, True])
def test_a_password_leaves_in_clear_only_where_the_route_allows_it(allowed):
    host = own_address()

    async def main() -> tuple[Server, list[Outcome]]:
        server = Server(Script(extensions=(b"PIPELINING", b"AUTH PLAIN"), login=LOGIN))
        listener = await asyncio.get_running_loop().create_server(lambda: _Talk(server), host, 0)
        port = listener.sockets[0].getsockname()[1]
        relay = Relay(
            host=host, port=port, username="news", password=PASSWORD, auth_in_clear=allowed, timeout_s=5
        )
        async with Pool(relay, connections=1) as pool:
            pool.feed([letter(0)])
            outcomes = await pool.outcomes()
        listener.close()
        return server, outcomes

    server, (outcome,) = run(main())

    assert outcome.result == (Result.SENT if allowed else Result.NOT_ATTEMPTED)
    assert bool(said(server, b"AUTH")) == allowed
    assert allowed or "without encryption" in outcome.text


def test_on_this_machine_nobody_listens():
    async def main() -> tuple[Server, dict[int, Outcome]]:
        async with Server(Script(extensions=(b"AUTH PLAIN",), login=LOGIN)) as server:
            return server, await exchange(server, [letter(0)], username="news", password=PASSWORD)

    _, outcomes = run(main())

    assert results(outcomes) == ["sent"]


def test_an_empty_password_is_not_tried(tmp_path, ca_file):
    script = Script(extensions=(b"PIPELINING", b"AUTH PLAIN"), login=LOGIN)
    shown = certified("127.0.0.1", by=authority())

    server, outcomes = meet(shown, tmp_path, tls="implicit", script=script, ca_file=ca_file, username="news")

    assert results(outcomes) == ["not_attempted"] * 3
    assert "no password" in outcomes[0].text
    assert said(server, b"AUTH") == []


def test_a_relay_that_offers_no_way_to_sign_in_gets_no_mail(tmp_path, ca_file):
    script = Script(extensions=(b"PIPELINING", b"AUTH XOAUTH2 GSSAPI"))
    shown = certified("127.0.0.1", by=authority())

    server, outcomes = meet(
        shown, tmp_path, tls="implicit", script=script, ca_file=ca_file, username="news", password=PASSWORD
    )

    assert results(outcomes) == ["not_attempted"] * 3
    assert "AUTH" in outcomes[0].text
    assert said(server, b"MAIL") == []


@pytest.mark.parametrize("mechanism", [b"PLAIN", b"LOGIN"])
def test_a_password_is_neither_logged_nor_kept_with_an_answer(tmp_path, ca_file, caplog, mechanism):
    """Some relays say back what they did not understand, and the answer becomes the reason of a resting route."""
    plain = base64.b64encode(b"\0news\0" + PASSWORD.encode())
    echo = b"535 5.7.8 " + b" ".join([plain, base64.b64encode(PASSWORD.encode()), PASSWORD.encode()])
    script = Script(
        extensions=(b"PIPELINING", b"AUTH " + mechanism), login=(b"other", b"other"), wrong_login=echo
    )
    shown = certified("127.0.0.1", by=authority())
    caplog.set_level(logging.DEBUG)

    _, outcomes = meet(
        shown, tmp_path, tls="implicit", script=script, ca_file=ca_file, username="news", password=PASSWORD
    )

    assert outcomes[0].code == 535
    assert outcomes[0].text == "5.7.8 *** *** ***"
    for secret in (PASSWORD, plain.decode(), base64.b64encode(PASSWORD.encode()).decode()):
        assert secret not in caplog.text
        assert secret not in repr(outcomes)
