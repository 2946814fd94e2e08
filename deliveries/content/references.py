"""Character references such as &amp;, read as a browser reads them: by one rule in text, by another in an attribute.

An attribute keeps `&copy` before `=` or a letter, so `?a=1&copy=2` is an address with two parameters; text doesn't.
A reference to a control character is nothing: none has a place in a mail.
"""

import re
from html import unescape
from html.entities import html5

# A number that no character has; Python refuses to read one of thousands of digits at all.
_LONG_NUMBER = re.compile(r"&#0*+(\d{8})\d*+")
_REFERENCE = re.compile(r"&(?:#[xX][0-9a-fA-F]++;?|#[0-9]++;?|[A-Za-z][A-Za-z0-9]*+;?)=?")


def in_text(text: str) -> str:
    """Return text with its references replaced; one of a number that no character has becomes U+FFFD."""
    return unescape(_LONG_NUMBER.sub(r"&#\1", text)) if "&" in text else text


def in_attribute(value: str) -> str:
    """Return the value of an attribute with its references replaced (WHATWG HTML 13.2.5.72 to 13.2.5.80)."""
    return _REFERENCE.sub(_read, value) if "&" in value else value


def _read(found: re.Match[str]) -> str:
    written = found.group()
    if written[1] == "#":
        return in_text(written)
    name = written[1:].removesuffix("=")
    if name.endswith(";"):
        return html5.get(name, "&" + name) + written[1 + len(name) :]
    return html5.get(name, written) if len(name) + 1 == len(written) else written
