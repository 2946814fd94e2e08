"""The words and signs inside of one tag, read one after another."""

import re
from dataclasses import dataclass

from django.utils.translation import gettext_noop as n_

from deliveries.content.merge_tags.problem import Problem

LONGEST_TAG = 5_000  # characters
MOST_OPERATORS = 100  # and filters, of one tag
_LONG_TAG = n_("This tag is longer than %(most)s characters, or is never closed.")
_LONG_EXPRESSION = n_(
    "This expression has more than %(most)s operators and filters; set a part of it before, with {%% set … %%}."
)
_OPERATORS = frozenset("| ~ + - * / // % == != < <= > >= and or not in is if else".split())

_TOKEN = re.compile(
    r"""\s*+(?:(?P<string>"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+')|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[^\W\d]\w*)|(?P<operator>==|!=|<=|>=|//|\*\*|[-+]?(?:\}\}|%\})|[-+*/%~<>|.,()\[\]{}:=!?;&^$\#@\\`'"]))""",
    re.S,
)


@dataclass(frozen=True)
class Token:
    """`kind` is string, number, name or operator, `value` as it is written."""

    kind: str
    value: str

    @property
    def closes_tag(self) -> bool:
        """Whether it is the end of a tag."""
        return self.kind == "operator" and self.value[-2:] in ("}}", "%}")


class Tokens:
    """The tokens of the tag that begins at `start`, from `position` on; `token` is the one to be read next.

    Every method that moves on raises Problem where the tag breaks off, is too long or holds what nobody expects.
    """

    def __init__(self, source: str, start: int, position: int, *, line: int) -> None:
        self._source, self._line = source, line
        self.position = position  # behind `token`
        self.is_output = source.startswith("{{", start)
        self._end = min(start + LONGEST_TAG, len(source))
        self._operators = 0
        self.token = self._next()

    def _next(self) -> Token:
        match = _TOKEN.match(self._source, self.position, self._end)
        if not match or match.end() <= self.position:
            rest = self._source[self.position : self._end].lstrip()
            if not rest and self._end < len(self._source):
                raise Problem("content_bound", _LONG_TAG, line=self._line, most=LONGEST_TAG)
            if not rest:
                raise self._unclosed()
            raise self.problem(n_("“%(found)s” is not expected here."), found=rest[:1])
        self.position = match.end()
        kind = match.lastgroup or ""
        value = match.group(kind)
        if kind == "operator" and value in ("'", '"'):
            if self._end < len(self._source):
                raise Problem("content_bound", _LONG_TAG, line=self._line, most=LONGEST_TAG)
            raise self.problem(n_("A text in quotes is never closed."))
        self._operators += value in _OPERATORS
        if self._operators > MOST_OPERATORS:
            raise Problem("content_bound", _LONG_EXPRESSION, line=self._line, most=MOST_OPERATORS)
        return Token(kind, value)

    def advance(self) -> Token:
        """Move on, and return the token that was read. Raise Problem at the end of the tag, which is never passed."""
        token = self.token
        if token.closes_tag:
            raise self.unexpected()
        self.token = self._next()
        return token

    def skip(self, *operators: str) -> str:
        """Move on where the next token is one of these operators, and return it; else nothing."""
        if self.token.kind == "operator" and self.token.value in operators:
            return self.advance().value
        return ""

    def skip_name(self, name: str) -> bool:
        """Move on where the next token is this name; say whether it was."""
        if self.token == Token("name", name):
            self.advance()
            return True
        return False

    def expect(self, operator: str) -> None:
        """Move on behind this operator; raise Problem where something else is next."""
        if not self.skip(operator):
            raise self.unexpected()

    def take_name(self) -> str:
        """Move on behind a name, and return it; raise Problem where something else is next."""
        if self.token.kind != "name":
            raise self.unexpected()
        return self.advance().value

    def problem(self, text: str, **slots: str) -> Problem:
        """Return a mistake of syntax in this tag, to be raised."""
        return Problem("template_syntax", text, line=self._line, **slots)

    def _unclosed(self) -> Problem:
        closing = "}}" if self.is_output else "%}"
        return self.problem(n_("A tag is never closed with %(closing)s."), closing=closing)

    def unexpected(self) -> Problem:
        """Return what is wrong where the next token can't stand, to be raised."""
        if self.token.closes_tag:
            return self.problem(n_("The tag ends too early."))
        return self.problem(n_("“%(found)s” is not expected here."), found=self.token.value)
