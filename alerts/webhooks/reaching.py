"""One request to another program, of which nobody knows where it leads or how it behaves.

Its address is looked up once, must be public unless a setting names its network, and is the one that is connected to:
what DNS says a moment later changes nothing. No redirect is followed and no proxy is asked; all of it ends by a
deadline, and of the answer little is read.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, urlsplit

from django.conf import settings
from django.utils.translation import gettext_noop as n_

SECONDS = 10.0  # for all of it, but the look-up of its name
SECONDS_TO_CONNECT = 5.0
MOST_READ = 4_096  # octets of an answer's body
LONGEST = 500  # characters of an address
# The internet is in this part of IPv6. Some of the rest is of single sites, or stands for addresses of IPv4.
_PUBLIC_IPV6 = ipaddress.ip_network("2000::/3")
# Networks of that part in which an address of IPv4 is hidden, and may be an internal one.
_TUNNELS = [ipaddress.ip_network(each) for each in ("2002::/16", "2001::/32")]

NOT_AN_ADDRESS = n_("This is no web address, as in https://example.com/hooks.")
NOT_SECURE = n_("Only https is called; http only in networks that the installation names.")
NOT_PUBLIC = n_("It leads into a network that is not public.")
NOT_FOUND = n_("Its name is not known.")
NO_ANSWER = n_("There was no answer in time.")
NOT_REACHED = n_("It could not be reached.")
NOT_TRUSTED = n_("Its certificate can't be trusted.")
REDIRECTS = n_("It leads on to another address, which is not followed.")
ODD = n_("It answered what is no HTTP.")
REFUSED = n_("It answered with an error.")


class Unreached(Exception):
    """There is no answer; says why, marked for translation and not yet translated."""


@dataclass(frozen=True)
class Answer:
    """What the other side said."""

    status: int

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300

    @property
    def problem(self) -> str:
        """Why it counts as a failure; empty where it was taken."""
        if self.is_taken:
            return ""
        return REDIRECTS if 300 <= self.status < 400 else REFUSED


def checked(url: str) -> SplitResult:
    """Return the parts of an address that may be called, as far as the address itself tells. Raise Unreached."""
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
        (host or "").encode("idna")
    except ValueError:
        raise Unreached(NOT_AN_ADDRESS) from None
    is_plain = url.isascii() and url.isprintable() and " " not in url and len(url) <= LONGEST
    if (
        not is_plain
        or not host
        or parts.scheme not in {"https", "http"}
        or parts.username is not None
        or parts.fragment
    ):
        raise Unreached(NOT_AN_ADDRESS)
    if parts.scheme == "http" and not _networks():
        raise Unreached(NOT_SECURE)
    if not _may_lead_to(host, scheme=parts.scheme):
        raise Unreached(_not_allowed(parts))
    return parts


def _not_allowed(parts: SplitResult) -> str:
    return NOT_SECURE if parts.scheme == "http" else NOT_PUBLIC


def _may_lead_to(host: str, *, scheme: str) -> bool:
    """False for an address written in numbers that may not be called; of a name only a look-up tells."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return True
    return is_allowed(host, scheme=scheme)


def post(url: str, *, body: bytes, headers: Mapping[str, str], seconds: float = SECONDS) -> Answer:
    """Post the body there and return the answer. Raise Unreached where there is none."""
    parts = checked(url)
    address = _address(parts)
    target = parts.path or "/"
    target += f"?{parts.query}" if parts.query else ""
    connection = _connection(parts, address)
    is_over = threading.Event()
    deadline = threading.Timer(seconds, _cut, [connection, is_over])
    deadline.daemon = True
    deadline.start()
    try:
        connection.request("POST", target, body=body, headers=dict(headers))
        answer = connection.getresponse()
        answer.read(MOST_READ)
        return Answer(answer.status)
    except ssl.SSLCertVerificationError:
        raise Unreached(NOT_TRUSTED) from None
    except (TimeoutError, ssl.SSLError, OSError, http.client.HTTPException) as error:
        if is_over.is_set() or isinstance(error, TimeoutError):
            raise Unreached(NO_ANSWER) from None
        raise Unreached(ODD if isinstance(error, http.client.HTTPException) else NOT_REACHED) from None
    finally:
        deadline.cancel()
        connection.close()


def _cut(connection: http.client.HTTPConnection, is_over: threading.Event) -> None:
    """End whatever the connection is at, be it that somebody answers a letter a second."""
    is_over.set()
    if (sock := connection.sock) is not None:
        with suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)


def _networks() -> list[Any]:
    return settings.SINETE["webhook_networks"]


def _address(parts: SplitResult) -> str:
    """The one address that is connected to; raise Unreached unless all that the name has may be."""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(parts.hostname, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Unreached(NOT_FOUND) from None
    addresses = list(dict.fromkeys(str(info[4][0]).partition("%")[0] for info in found))
    for each in addresses:
        if not is_allowed(each, scheme=parts.scheme):
            raise Unreached(_not_allowed(parts))
    return addresses[0]


def is_allowed(address: str, *, scheme: str = "https") -> bool:
    """Whether a webhook may lead to this address of a network: a public one by https, or one that a setting names."""
    found: Any = ipaddress.ip_address(address)
    found = getattr(found, "ipv4_mapped", None) or found
    if any(found in network for network in _networks() if network.version == found.version):
        return True
    if found.version == 6 and (found not in _PUBLIC_IPV6 or any(found in each for each in _TUNNELS)):
        return False
    return scheme == "https" and found.is_global and not found.is_multicast


class _Plain(http.client.HTTPConnection):
    """To the address that was looked up, in the name of the host that was asked for."""

    def __init__(self, host: str, port: int, *, address: str) -> None:
        super().__init__(host, port, timeout=SECONDS_TO_CONNECT)
        self.address = address

    def connect(self) -> None:
        self.sock = socket.create_connection((self.address, self.port), timeout=self.timeout)


class _Secure(_Plain):
    """The same, with the certificate of that host."""

    default_port = 443

    def connect(self) -> None:
        super().connect()
        context = ssl.create_default_context()
        # The deadline must find the socket that the handshake uses.
        self.sock = context.wrap_socket(self.sock, server_hostname=self.host, do_handshake_on_connect=False)
        self.sock.do_handshake()


def _connection(parts: SplitResult, address: str) -> _Plain:
    kind, usual = (_Secure, 443) if parts.scheme == "https" else (_Plain, 80)
    return kind(str(parts.hostname), parts.port or usual, address=address)
