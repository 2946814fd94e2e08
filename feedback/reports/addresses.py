"""Addresses as reports write them."""

import re
from collections.abc import Iterable, Iterator

LONGEST = 320
# Bounded on both sides of the @, so that a search takes a time that grows with the text and no faster.
# Chinese and Japanese have brackets and stops of their own, and put no space between an address and a word: a label in
# letters of ours ends where one of theirs begins.
_LABEL = r"(?:(?:(?![\u2e80-\U0010ffff])[\w-]){1,63}|[\w-]{1,63})"
ADDRESS = re.compile(
    r"[^\s<>()\[\]{},;:\"'`@|\\*\u3000-\u3020\uff00-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65]{1,128}"
    rf"@{_LABEL}(?:\.{_LABEL}){{0,10}}"
)
_THEIR_WORD = re.compile(r"^.*[\u2e80-\U0010ffff](?=[!-~])")
_DOMAIN = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_XTEXT = re.compile(r"\+([0-9A-F]{2})")
_UNITEXT = re.compile(r"\\x\{([0-9A-Fa-f]{1,6})\}")
# Exchange wraps an address that is not its own: IMCEASMTP-ana+40example+2Ecom@host.
_WRAPPED = re.compile(r"IMCEA(?:SMTP|RFC822)-([^@]{1,400})@", re.I)
# X.400 and Exchange say so before an address of the internet.
_SYSTEM = re.compile(r"^(?:smtp|rfc-?822)=", re.I)
_HIDDEN = re.compile(r"redacted|undisclosed", re.I)


def tidy(text: str) -> str:
    """Return the address in a field or a piece of text, without brackets; nothing if there is none."""
    text = text.strip()[: LONGEST * 4]
    wrapped = _WRAPPED.match(text.strip("<> "))
    if wrapped:
        text = _XTEXT.sub(_character, wrapped[1])
    found = ADDRESS.search(text)
    if found is None:
        return _quoted(text)
    address = _SYSTEM.sub("", found.group().strip("."))
    local, _, domain = address.rpartition("@")
    if domain.isascii():
        local = _THEIR_WORD.sub("", local)
        address = f"{local}@{domain}"
    if not local or "..." in address or not _DOMAIN.fullmatch(domain) or len(address) > LONGEST:
        return ""
    return address


def of_field(value: str) -> str:
    """Return the address of a field such as `rfc822; ana@example.com`; nothing if it names none."""
    kind, separator, rest = value.partition(";")
    text = rest if separator else value
    if kind.strip().lower() == "utf-8":
        text = _UNITEXT.sub(_character, text)
    elif "@" not in text and "+40" in text:
        text = _XTEXT.sub(_character, text)
    return tidy(text)


def all_in(text: str) -> list[str]:
    """Return each address of a text of bounded length, such as a header with several."""
    return [address for found in ADDRESS.findall(text[: LONGEST * 40]) if (address := tidy(found))]


def places(line: str) -> Iterator[tuple[int, int, str]]:
    """Yield each address of a line with where it begins and ends."""
    for found in ADDRESS.finditer(line):
        if address := tidy(found.group()):
            yield max(found.start(), found.end() - len(address)), found.end(), address


def is_hidden(address: str) -> bool:
    """Whether somebody took the person out of it."""
    return _HIDDEN.search(address.partition("@")[0]) is not None


def distinct(addresses: Iterable[str]) -> list[str]:
    """Return them in their order, each once whatever its case."""
    found: dict[str, str] = {}
    for address in addresses:
        if address:
            found.setdefault(address.lower(), address)
    return list(found.values())


def _character(found: re.Match[str]) -> str:
    try:
        character = chr(int(found[1], 16))
    except (ValueError, OverflowError):
        return ""
    return character if character.isprintable() else ""


def _quoted(text: str) -> str:
    """A local part in quotes may have spaces in it."""
    found = re.search(r"\"[^\"\r\n]{1,64}\"@[\w.-]{1,255}", text)
    return found.group() if found else ""
