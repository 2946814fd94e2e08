"""Tags as an editor of HTML writes them: their signs are references, such as &quot; and &gt;, and are read as signs."""

import re

from deliveries.content import references
from deliveries.content.merge_tags.tokens import LONGEST_TAG

_REFERENCE = re.compile(r"&(?:#[xX][0-9a-fA-F]{1,8}|#[0-9]{1,8}|[A-Za-z][A-Za-z0-9]{1,31});")
_CLOSING = {"{{": "}}", "{%": "%}"}
_QUOTES = ("'", '"')


def as_meant(source: str, start: int) -> tuple[str, int] | None:
    """Return the tag that begins at `start` with signs in place of its references, and where it ends in `source`.

    None where it has no reference, or no end. A text ends at a quote that is a reference where its first one is.
    """
    limit = min(len(source), start + LONGEST_TAG)
    if source.find("&", start, limit) < 0:
        return None
    closing = _CLOSING[source[start : start + 2]]
    written, at = [source[start : start + 2]], start + 2
    quote, is_raw = "", True  # the sign that a text ends at, and whether it is written as such
    is_changed = False
    while at < limit:
        if not quote and source.startswith(closing, at):
            return ("".join([*written, closing]), at + len(closing)) if is_changed else None
        piece, sign = _next(source, at)
        is_changed = is_changed or piece != sign
        if quote and sign == quote and is_raw == (piece == sign):
            quote = ""
        elif quote:
            sign = _within_quotes(piece, sign, quote)
        elif sign in _QUOTES:
            quote, is_raw = sign, piece == sign
        written.append(sign)
        at += len(piece)
    return None


def _next(source: str, at: int) -> tuple[str, str]:
    """The next sign as it is written, and as it is meant."""
    if source[at] == "\\":
        return source[at : at + 2], source[at : at + 2]
    found = _REFERENCE.match(source, at) if source[at] == "&" else None
    if not found:
        return source[at], source[at]
    piece = found.group()
    return piece, references.in_attribute(piece)


def _within_quotes(piece: str, sign: str, quote: str) -> str:
    """A sign as it may stand in a text in these quotes."""
    if piece == sign:
        return sign
    return "".join("\\" + one if one in ("\\", quote) else one for one in sign)
