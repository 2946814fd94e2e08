"""HTML cut into tokens that know where they stand, so that a change touches only what it means to change.

Nothing is parsed into a tree and written out again: a tree would move merge tags out of tables, and lose
comments that only Outlook reads. Offsets count in the masked source, which is as long as the author's.
"""

import re
from collections.abc import Iterator
from typing import Literal, NamedTuple

VOID = frozenset("area base br col embed hr img input link meta param source track wbr".split())
RAW_TEXT = frozenset({"style", "script", "title", "textarea", "xmp", "iframe", "noembed", "noframes"})

# What most tags and attributes look like; others are read with more care, and to the same end.
_PLAIN_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>]*+)>")
_PLAIN_ATTRIBUTE = re.compile(r'\s++([A-Za-z:_-]++)="([^"]*+)"')

_TAG_NAME = re.compile(r"</?([A-Za-z][^\s/>]*)")
_ATTRIBUTE = re.compile(
    r"""[\s/]*+(?P<name>=[^\s/>=]*|[^\s/>=]+)(?:\s*=\s*(?:"(?P<double>[^"]*)"|'(?P<single>[^']*)'|(?P<bare>[^\s>"'][^\s>]*)))?"""
)
_TAG_END = re.compile(r"[\s/]*+>")
_CONDITION = re.compile(r"<!--\[if\b[^\]]*\]>", re.I)
_END_CONDITION = re.compile(r"<!\[endif\]-->\Z", re.I)

_QUOTES = {"double": '"', "single": "'"}

TokenKind = Literal["text", "comment", "declaration", "start", "end", "raw"]


class Attribute(NamedTuple):
    """An attribute of a tag, by its place; `quote` is empty where its value stands bare."""

    name: str
    start: int
    end: int
    value_start: int
    value_end: int
    quote: str

    @property
    def has_value(self) -> bool:
        return self.value_end >= self.value_start >= 0


class Token(NamedTuple):
    """A stretch of a page: a tag, a comment, or what stands between them."""

    kind: TokenKind
    start: int
    end: int
    name: str = ""
    attributes: tuple[Attribute, ...] = ()
    in_condition: bool = False

    def attribute(self, name: str) -> Attribute | None:
        """Return the first attribute of this name that has a value."""
        for attribute in self.attributes:
            if attribute.name == name and attribute.value_end >= attribute.value_start >= 0:
                return attribute
        return None


def tokens(html: str) -> Iterator[Token]:
    """Yield the tokens of `html`, without a gap; the inside of a conditional comment follows its comment token."""
    yield from _tokens(html, 0, len(html), in_condition=False)


class _NeverClosed(Exception):
    """The tag swallows all that follows, so nothing of it is markup."""


def _tokens(html: str, at: int, end: int, *, in_condition: bool) -> Iterator[Token]:
    text_from = at
    while at < end:
        at = html.find("<", at, end)
        if at < 0:
            break
        if plain := _PLAIN_TAG.match(html, at, end):
            slash, name = plain.groups()
            token: Token | None = Token(
                "end" if slash else "start", at, plain.end(), name.lower(), (), in_condition
            )
        else:
            try:
                token = _markup_at(html, at, end, in_condition)
            except _NeverClosed:
                break
        if token is None:
            at += 1
            continue
        if text_from < at:
            yield Token("text", text_from, at, in_condition=in_condition)
        yield token
        at = text_from = token.end
        if token.kind == "comment" and not in_condition:
            yield from _inside_condition(html, token)
        if token.kind == "start" and token.name in RAW_TEXT:
            at = text_from = _end_of_raw(html, token, end)
            if at > token.end:
                yield Token("raw", token.end, at, token.name, in_condition=in_condition)
    if text_from < end:
        yield Token("text", text_from, end, in_condition=in_condition)


def _markup_at(html: str, at: int, end: int, in_condition: bool) -> Token | None:
    if html.startswith("<!--", at):
        return Token("comment", at, _end_of_comment(html, at, end), in_condition=in_condition)
    if html.startswith(("<!", "<?"), at):
        closing = html.find(">", at, end)
        return Token("declaration", at, closing + 1 if closing >= 0 else end, in_condition=in_condition)
    match = _TAG_NAME.match(html, at, end)
    if not match:
        return None
    attributes: tuple[Attribute, ...] = ()
    closing = match.end() + 1
    if html[match.end() : closing] != ">" or closing > end:
        if html.find(">", match.end(), end) < 0:
            raise _NeverClosed
        attributes, closing = _attributes(html, match.end(), end)
        if closing < 0:
            raise _NeverClosed
    kind: TokenKind = "end" if html[at + 1] == "/" else "start"
    return Token(kind, at, closing, match.group(1).lower(), attributes, in_condition)


def _end_of_comment(html: str, at: int, end: int) -> int:
    closing = html.find("-->", at + 2, end)
    return closing + 3 if closing >= 0 else end


def _attributes(html: str, at: int, end: int) -> tuple[tuple[Attribute, ...], int]:
    found: list[Attribute] = []
    while True:
        while plain := _PLAIN_ATTRIBUTE.match(html, at, end):
            at = plain.end()
            found.append(Attribute(plain[1].lower(), plain.start(1), at, *plain.span(2), '"'))
        if closing := _TAG_END.match(html, at, end):
            return tuple(found), closing.end()
        match = _ATTRIBUTE.match(html, at, end)
        if not match or match.end() == at:
            return tuple(found), -1
        form = match.lastgroup or ""
        first, last = match.span(form) if form != "name" else (-1, -2)
        at = match.end()
        found.append(
            Attribute(
                match.group("name").lower(), match.start("name"), at, first, last, _QUOTES.get(form, "")
            )
        )


def _inside_condition(html: str, comment: Token) -> Iterator[Token]:
    opening = _CONDITION.match(html, comment.start, comment.end)
    closing = _END_CONDITION.search(html[comment.start : comment.end])
    if opening and closing and opening.end() < comment.start + closing.start():
        yield from _tokens(html, opening.end(), comment.start + closing.start(), in_condition=True)


def _end_of_raw(html: str, token: Token, end: int) -> int:
    closing = re.compile(rf"</{re.escape(token.name)}(?=[\s/>])", re.I).search(html, token.end, end)
    return closing.start() if closing else end
