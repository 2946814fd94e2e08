"""DKIM (RFC 6376, RFC 8463): a message with a signature in front, made on the engine's hot path.

Both canonicalisations are “relaxed”. A signed message is encoded in base64 (see `Renderer.message`): a body of
eight bits may be encoded anew by a relay further on, and its signature would be worth nothing there.
"""

import base64
import re
import time
from collections.abc import Callable
from hashlib import sha256
from typing import NamedTuple

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal
from deliveries.channels.paths import UnusableAddress, ascii_domain

SHORTEST_RSA, GOOD_RSA = 1024, 2048  # bits; RFC 8301 forbids less than the first, advises the second
# What a receiver shows or acts upon. RFC 8058 asks for both fields of List-Unsubscribe, Google for Feedback-ID.
SIGNED = (
    b"From", b"To", b"Cc", b"Subject", b"Date", b"Message-ID", b"Reply-To", b"List-Unsubscribe",
    b"List-Unsubscribe-Post", b"List-Id", b"Feedback-ID", b"MIME-Version", b"Content-Type",
    b"Content-Transfer-Encoding",
)  # fmt: skip
# Named once more than they are there: whoever adds another one breaks the signature.
OVERSIGNED = frozenset(
    {b"from", b"to", b"cc", b"subject", b"date", b"reply-to", b"list-unsubscribe", b"list-unsubscribe-post"}
)
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL})*")
_FIELD = re.compile(rb"\r\n(?![ \t])")
_SPACES = re.compile(rb"[ \t]+")
_BARE_LINE_END = re.compile(rb"\r\n|\r|\n")
_LINE = 72  # characters of base64 in a line of the signature
_STRING = 255  # octets of one string of a TXT record

Key = rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class UnusableKey(Refusal):
    """Nothing can be signed with what the route names; `problem` says why, and holds nothing secret."""

    message = _("The DKIM signature can't be made: %(problem)s.")
    code = "dkim_key"


class Record(NamedTuple):
    """The public key as the domain's DNS must hold it."""

    name: str
    value: str

    @property
    def zone_line(self) -> str:
        """The record as a line of a zone file, where one string has at most 255 octets."""
        strings = [self.value[at : at + _STRING] for at in range(0, len(self.value), _STRING)]
        return f"{self.name}. IN TXT ( " + " ".join(f'"{each}"' for each in strings) + " )"


def read_key(pem: bytes) -> Key:
    """Return the private key in a PEM text; raise UnusableKey where it can't sign."""
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except TypeError as error:
        raise UnusableKey(problem=_("the key is locked with a passphrase")) from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(problem=_("this is no private key in PEM format")) from error
    if not isinstance(key, rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
        raise UnusableKey(problem=_("the key is neither RSA nor Ed25519"))
    if isinstance(key, rsa.RSAPrivateKey) and key.key_size < SHORTEST_RSA:
        raise UnusableKey(problem=_("the key is shorter than 1024 bits, and nobody would believe it"))
    return key


def signing_domain(domain: str) -> str:
    """Return the domain as it stands in a signature; raise UnusableKey if it can't."""
    try:
        return ascii_domain(domain).lower()
    except UnusableAddress as error:
        raise UnusableKey(problem=_("the domain can't be written in ASCII")) from error


def check_selector(selector: str) -> None:
    """Raise UnusableKey unless DNS could hold the selector."""
    if not _SELECTOR.fullmatch(selector):
        raise UnusableKey(problem=_("the selector is not a name that DNS could hold"))


class Signer:
    """Signs for one domain with one key; UnusableKey is raised where either or the selector is unfit."""

    def __init__(self, *, domain: str, selector: str, key: Key) -> None:
        self.domain = signing_domain(domain)
        check_selector(selector)
        self.selector, self.key = selector, key
        self.algorithm = "rsa-sha256" if isinstance(key, rsa.RSAPrivateKey) else "ed25519-sha256"
        self._sign = _signing(key)
        self._start = (
            f"v=1; a={self.algorithm}; c=relaxed/relaxed; d={self.domain};\r\n s={selector}; t="
        ).encode()
        self._lists: dict[tuple[bytes, ...], bytes] = {}  # one entry: the messages of a delivery are alike

    @property
    def is_short(self) -> bool:
        """Whether receivers may soon think less of the key."""
        return isinstance(self.key, rsa.RSAPrivateKey) and self.key.key_size < GOOD_RSA

    @property
    def record(self) -> Record:
        """What the domain's DNS must say, so that receivers can check."""
        public = self.key.public_key()
        if isinstance(public, rsa.RSAPublicKey):
            kind, octets = (
                "rsa",
                public.public_bytes(
                    serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
                ),
            )
        else:
            kind, octets = "ed25519", public.public_bytes_raw()
        value = f"v=DKIM1; k={kind}; p={base64.b64encode(octets).decode()}"
        return Record(f"{self.selector}._domainkey.{self.domain}", value)

    def __call__(self, message: bytes) -> bytes:
        """Return the message, with CRLF line ends, and its signature as the first header field."""
        lines = message.count(b"\r\n")
        if message.count(b"\n") != lines or message.count(b"\r") != lines:
            message = _BARE_LINE_END.sub(b"\r\n", message)
        if message[-2:] != b"\r\n":
            message += b"\r\n"  # as it will leave
        head, _blank, body = message.partition(b"\r\n\r\n")
        names, signed = self._signed_fields(head)
        value = self._start + b"%d; h=%b;\r\n bh=%b;\r\n b=" % (
            time.time(), self._list(names), base64.b64encode(sha256(canonical_body(body)).digest())
        )  # fmt: skip
        signed.append(canonical_field(b"DKIM-Signature", value))
        signature = base64.b64encode(self._sign(b"\r\n".join(signed)))
        folded = b"\r\n ".join([signature[at : at + _LINE] for at in range(0, len(signature), _LINE)])
        return b"DKIM-Signature: %b%b\r\n%b" % (value, folded, message)

    def _signed_fields(self, head: bytes) -> tuple[tuple[bytes, ...], list[bytes]]:
        """The names for h=, and the canonical fields in the order of those that are there; the last comes first."""
        there: dict[bytes, list[bytes]] = {}
        for field in _FIELD.split(head):
            name, _colon, value = field.partition(b":")
            there.setdefault(name.strip().lower(), []).append(value)
        names: list[bytes] = []
        fields: list[bytes] = []
        for name in SIGNED:
            values = there.get(name.lower(), ())
            names += [name] * (len(values) + (name.lower() in OVERSIGNED))
            fields += [canonical_field(name, value) for value in reversed(values)]
        return tuple(names), fields

    def _list(self, names: tuple[bytes, ...]) -> bytes:
        known = self._lists.get(names)
        if known is None:
            known = self._lists[names] = _folded(names)
        return known


def canonical_field(name: bytes, value: bytes) -> bytes:
    """Return a header field in the “relaxed” form of RFC 6376, 3.4.2, without a line end."""
    unfolded = _SPACES.sub(b" ", value.replace(b"\r\n", b"")).strip(b" ")
    return name.strip().lower() + b":" + unfolded


def canonical_body(body: bytes) -> bytes:
    """Return the body in the “relaxed” form of RFC 6376, 3.4.4. Most are so already, and are only looked at."""
    if b"\t" in body or b"  " in body or b" \r\n" in body or body[-1:] == b" ":
        body = b"\r\n".join([_SPACES.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")])
    end = len(body)
    while body[end - 2 : end] == b"\r\n" and end >= 2:
        end -= 2
    return body[:end] + b"\r\n" if end else b""


def _signing(key: Key) -> Callable[[bytes], bytes]:
    if isinstance(key, rsa.RSAPrivateKey):
        scheme, digest = padding.PKCS1v15(), hashes.SHA256()
        return lambda octets: key.sign(octets, scheme, digest)
    return lambda octets: key.sign(sha256(octets).digest())  # RFC 8463 signs the hash


def _folded(names: tuple[bytes, ...]) -> bytes:
    """A list with colons, in lines of at most 70 characters."""
    lines, line = [], b""
    for number, name in enumerate(names):
        item = name + (b":" if number < len(names) - 1 else b"")
        if line and len(line) + len(item) > 70:
            lines.append(line)
            line = b""
        line += item
    return b"\r\n ".join([*lines, line])
