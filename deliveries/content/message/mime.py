"""Headers and bodies as they go over the wire, without the cost of a library that would parse them again."""

import re
from binascii import b2a_base64

import idna
from django.utils.translation import gettext_noop as n_

LONGEST_PLAIN = 180  # longer headers are encoded, because encoded words can be folded anywhere
_ATOMS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?: [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
_WORD_OCTETS = 45  # 60 characters of base64, 72 with the frame; RFC 2047 allows 75
_LOCAL = r"""(?:[^\s<>()\[\],;:\\"@\x00-\x1f\x7f]+|"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])+")"""
_ADDRESS = re.compile(rf"({_LOCAL})@([^\s<>()\[\],;:\\\"@\x00-\x1f\x7f]+|\[[0-9A-Fa-f.:IPv]+\])")


class UnfitAddress(ValueError):
    """An address that can't stand in a header."""


def unstructured(text: str) -> str:
    """Return a subject, or another header of free text, ready to be written; `text` is one line."""
    if text.isascii() and len(text) <= LONGEST_PLAIN and "=?" not in text:
        return text
    return encoded_words(text)


def mailbox(name: str, address: str) -> str:
    """Return a name and an address for To, From, Reply-To. Nothing in the name can become another address."""
    if not name:
        return address
    if name.isascii() and len(name) <= LONGEST_PLAIN and "=?" not in name:
        if _ATOMS.fullmatch(name):
            return f"{name} <{address}>"
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{quoted}" <{address}>'
    return f"{encoded_words(name)} <{address}>"


def encoded_words(text: str) -> str:
    """Return the text as RFC 2047 has it: words of base64 that never cut a character, one on each line."""
    octets = text.encode("utf-8", "replace")
    if len(octets) <= _WORD_OCTETS:
        return _word(octets)
    words = []
    at = 0
    while at < len(octets):
        end = min(at + _WORD_OCTETS, len(octets))
        while end < len(octets) and octets[end] & 0xC0 == 0x80:
            end -= 1
        words.append(_word(octets[at:end]))
        at = end
    return "\r\n ".join(words)


def _word(octets: bytes) -> str:
    return f"=?utf-8?b?{b2a_base64(octets, newline=False).decode('ascii')}?="


def header_address(address: str, *, is_wide: bool = False) -> str:
    """Return `address` as a header may hold it: a domain outside ASCII in its encoded form.

    Raise UnfitAddress where it can't stand in a header.

    `is_wide`: what is before the @ may go beyond ASCII (RFC 6532); only a relay with SMTPUTF8 is given such a message.
    """
    match = _ADDRESS.fullmatch(address)
    if not match or len(address) > 320:
        raise UnfitAddress(n_("the address is malformed"))
    local, domain = match.groups()
    if not local.isascii() and not (is_wide and local.isprintable()):
        raise UnfitAddress(n_("the part before @ is not ASCII"))
    if domain.isascii():
        return address
    try:
        return f"{local}@{idna.encode(domain, uts46=True).decode('ascii')}"  # as in the envelope
    except UnicodeError as error:
        raise UnfitAddress(n_("the domain can't be written in ASCII")) from error


def base64_body(octets: bytes) -> bytes:
    """Return the octets in base64, 76 characters to a line."""
    encoded = b2a_base64(octets, newline=False)
    return b"\r\n".join([encoded[at : at + 76] for at in range(0, len(encoded), 76)]) + b"\r\n"


def has_line_above(longest: int, body: bytes) -> bool:
    """Whether a line has more octets than `longest`, its CRLF not counted; looks at few of the lines."""
    at, size, reach = 0, len(body), longest + 2
    while size - at > reach:
        newline = body.rfind(b"\n", at, at + reach)
        if newline < 0:
            return True
        at = newline + 1
    return False
