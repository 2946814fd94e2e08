"""How a connection is opened: TCP, encryption, greeting, EHLO and sign-in, as the relay's settings ask."""

import asyncio
import base64
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Iterator
from typing import Any

from deliveries.channels.base import Capabilities, Relay
from deliveries.channels.replies import Stage, printable
from deliveries.channels.reply_reader import Reply

# A host that is gone without a word is noticed by the kernel within two thirds of a lease: what it does not
# acknowledge, and what it says to a probe after some quiet. Names that a platform lacks are left out.
# Seconds of quiet before the first probe, under two names, and between two; how many go without an answer.
_KEEPALIVE = {"TCP_KEEPIDLE": 8, "TCP_KEEPALIVE": 8, "TCP_KEEPINTVL": 3, "TCP_KEEPCNT": 4}
_UNACKNOWLEDGED_MS = 20_000
_NOT_IN_A_NAME = re.compile(r"[^A-Za-z0-9.\[\]:_-]")


class ConnectFailed(Exception):
    """No connection that could be used came about; `is_final`: and trying again at once would not help."""

    def __init__(
        self, text: str, *, stage: str = Stage.CONNECT, code: int | None = None, is_final: bool = False
    ):
        super().__init__(text)
        self.text, self.stage, self.code, self.is_final = printable(text), stage, code, is_final


class Opening:
    """From the first packet of one connection to the moment when messages may be taken.

    It asks one thing at a time: the protocol whose connection it opens hands it each reply by `take`, each new
    transport by `transport`, and the end by `end`. Every step raises ConnectFailed where the relay refuses it or
    doesn't offer what the settings ask for.
    """

    def __init__(
        self, protocol: asyncio.Protocol, relay: Relay, *, tls: ssl.SSLContext | None, tls_problem: str
    ) -> None:
        self._protocol, self._relay = protocol, relay
        self._tls, self._tls_problem = tls, tls_problem
        self._loop = asyncio.get_running_loop()
        self._capabilities = Capabilities()
        self._fault: str | None = None  # why it ended, once it has
        self.transport: Any = None
        # Made now: the greeting may be here before whoever connects is told that it has connected.
        self.greeting: asyncio.Future[Reply] = self._loop.create_future()
        self._waiter: asyncio.Future[Reply] | None = self.greeting

    def take(self, code: int, lines: list[bytes]) -> bool:
        """Hand a reply to the step that waits for it; say whether one did."""
        waiter, self._waiter = self._waiter, None
        if waiter is None or waiter.done():
            return False
        waiter.set_result(Reply(code, lines))
        return True

    def end(self, fault: str) -> None:
        """Let the step that waits fail, and each that follows."""
        self._fault = fault
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(ConnectFailed(fault or "connection lost"))
            self._waiter.exception()  # nobody may be waiting any more, and that is no error

    async def run(self) -> Capabilities:
        """Connect, encrypt and sign in within `Relay.timeout_s` seconds; return what the relay offers then.

        Raise ConnectFailed where that can't be had.
        """
        with _network_errors():
            async with asyncio.timeout(self._relay.timeout_s):
                await self._connect()
                await self._greet()
        return self._capabilities

    async def _connect(self) -> None:
        if self._tls_problem:
            raise ConnectFailed(self._tls_problem, is_final=True)
        is_implicit = self._relay.tls == "implicit"
        await self._loop.create_connection(
            lambda: self._protocol,
            self._relay.host,
            self._relay.port,
            ssl=self._tls if is_implicit else None,
            server_hostname=self._relay.host if is_implicit else None,
        )
        _keep_alive(self.transport.get_extra_info("socket"))

    async def _greet(self) -> None:
        greeting = await self.greeting
        if greeting.code != 220:
            raise _refused(greeting, stage=Stage.CONNECT)
        await self._hello()
        if self._relay.tls == "starttls":
            await self._start_tls()
            await self._hello()
        if self._relay.username:
            self._check_that_nobody_listens()
            await self._sign_in()

    async def _ask(self, command: bytes) -> Reply:
        if self._fault is not None:
            raise ConnectFailed(self._fault or "connection lost")
        self._waiter = self._loop.create_future()
        self.transport.write(command)
        return await self._waiter

    async def _hello(self) -> None:
        name = _NOT_IN_A_NAME.sub("", self._relay.helo_name).encode() or b"localhost"
        reply = await self._ask(b"EHLO %b\r\n" % name)
        self._capabilities = Capabilities()
        if reply.code == 250:
            self._capabilities = parse_capabilities(reply.lines)
        elif reply.code >= 500:
            reply = await self._ask(b"HELO %b\r\n" % name)
        if reply.code != 250:
            raise _refused(reply, stage=Stage.HELO)

    async def _start_tls(self) -> None:
        if not self._capabilities.starttls:
            # An attacker may hide the offer so that we go on without encryption.
            raise ConnectFailed("the relay does not offer STARTTLS", stage=Stage.HELO, is_final=True)
        reply = await self._ask(b"STARTTLS\r\n")
        if reply.code != 220:
            raise _refused(reply, stage=Stage.HELO)
        assert self._tls is not None
        encrypted: Any = await self._loop.start_tls(
            self.transport, self._protocol, self._tls, server_hostname=self._relay.host
        )
        self._protocol.connection_made(encrypted)

    def _check_that_nobody_listens(self) -> None:
        """Raise unless the password is encrypted, stays on this machine, or the route allows it in clear.

        An empty password is none, so it is refused too.
        """
        if not self._relay.password:
            raise ConnectFailed("there is a user name and no password", stage=Stage.HELO, is_final=True)
        if self._relay.tls == "none" and not self._relay.auth_in_clear and not self._is_on_this_machine():
            text = "the password would go over the network without encryption"
            raise ConnectFailed(text, stage=Stage.HELO, is_final=True)

    def _is_on_this_machine(self) -> bool:
        peer = self.transport.get_extra_info("peername")
        with contextlib.suppress(ValueError, TypeError, IndexError):
            address = ipaddress.ip_address(peer[0].partition("%")[0])
            return (getattr(address, "ipv4_mapped", None) or address).is_loopback
        return False

    async def _sign_in(self) -> None:
        user, password = self._relay.username.encode(), self._relay.password.encode()
        if "PLAIN" in self._capabilities.auth:
            secret = base64.b64encode(b"\0%b\0%b" % (user, password))
            reply = await self._ask(b"AUTH PLAIN %b\r\n" % secret)
        elif "LOGIN" in self._capabilities.auth:
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
            raise _refused(Reply(reply.code, lines), stage=Stage.HELO)

    def _without_secrets(self, line: bytes) -> bytes:
        """Return the line without the password: a relay that did not understand a command may repeat it."""
        user, password = self._relay.username.encode(), self._relay.password.encode()
        whole = base64.b64encode(b"\0%b\0%b" % (user, password))
        for secret in (whole, base64.b64encode(password), password):
            line = line.replace(secret, b"***")
        return line


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


def _keep_alive(connection: Any) -> None:
    """Let the kernel notice that a relay is gone, long before its answer is overdue."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE.items():
        if hasattr(socket, name):
            connection.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNACKNOWLEDGED_MS)


@contextlib.contextmanager
def _network_errors() -> Iterator[None]:
    """Raise ConnectFailed in place of what a time limit, TLS or the network raises inside."""
    try:
        yield
    except TimeoutError as error:
        raise ConnectFailed("no answer in time") from error
    except ssl.SSLCertVerificationError as error:
        raise ConnectFailed(f"certificate refused: {error.verify_message}", is_final=True) from error
    except OSError as error:
        raise ConnectFailed(_why(error)) from error


def _refused(reply: Reply, *, stage: str) -> ConnectFailed:
    return ConnectFailed(reply.text, stage=stage, code=reply.code, is_final=reply.code >= 500)


def _why(error: OSError) -> str:
    """What the operating system says, without its number: Connection refused."""
    return error.strerror or str(error) or type(error).__name__
