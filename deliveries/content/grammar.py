"""Merge tags: the part of Jinja that content may use, parsed here so that nothing else gets through.

Allowed: `{{ expression }}`, if / elif / else / endif, `set` of a simple value, raw, comments. An expression reads
`profile.field`, never the profile as a whole, calls nothing, and uses only filters and tests on the lists below.
"""

import re
from bisect import bisect
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from django.utils.translation import gettext_noop as _

FILTERS = frozenset(
    "default d upper lower title capitalize trim replace length count first last round int float abs "
    "urlencode escape e truncate date string".split()
)
TESTS = frozenset(
    "defined undefined none number string true false odd even startingwith endingwith eq equalto ne".split()
)
SYSTEM_NAMES = frozenset({"unsubscribe_url", "mirror_url"})
KEYWORDS = frozenset("and or not in is if else true false none True False None".split())
# Tags of Jinja that exist but have no place in an email, so that the message can say so.
KNOWN_ELSEWHERE = frozenset(
    "for endfor include import from extends block endblock macro endmacro call endcall do with endwith "
    "filter endfilter autoescape endautoescape break continue".split()
)


class Problem(Exception):
    """Something in a merge tag that must be changed by the author."""

    def __init__(self, code: str, text: str, *, line: int = 0, **slots: object) -> None:
        self.code, self.text, self.line, self.slots = code, text, line, slots
        super().__init__(text)


# Expressions


@dataclass(frozen=True)
class Const:
    source: str
    kind: Literal["text", "number", "yes_no", "none"]


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class ProfileField:
    name: str


@dataclass(frozen=True)
class Unknown:
    """Reads from a name that nothing is known about, such as `order.total`."""

    name: str


@dataclass(frozen=True)
class Listing:
    items: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: "Expression"


@dataclass(frozen=True)
class Binary:
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Test:
    operand: "Expression"
    name: str
    arguments: "tuple[Expression, ...]"
    is_negated: bool


@dataclass(frozen=True)
class Filter:
    operand: "Expression"
    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Choice:
    condition: "Expression"
    then: "Expression"
    otherwise: "Expression | None"


Expression: TypeAlias = (
    Const | Name | ProfileField | Unknown | Listing | Unary | Binary | Test | Filter | Choice
)


def parts_of(expression: Expression) -> Iterator[Expression]:
    """The expression and everything inside it."""
    yield expression
    for value in vars(expression).values():
        for child in value if isinstance(value, tuple) else (value,):
            if hasattr(child, "__dataclass_fields__"):
                yield from parts_of(child)


# Segments

Kind = Literal["text", "raw", "comment", "output", "if", "elif", "else", "endif", "set"]


@dataclass(frozen=True)
class Segment:
    """A stretch of the source: text as it stands, or one tag."""

    kind: Kind
    start: int
    end: int
    line: int
    expression: Expression | None = None
    name: str = ""
    raw: str = ""
    trim_left: str = ""
    trim_right: str = ""

    @property
    def is_tag(self) -> bool:
        return self.kind not in ("text", "raw")

    @property
    def is_block(self) -> bool:
        return self.kind in ("if", "elif", "else", "endif", "set")


MOST_TAGS = 5_000
MOST_SEGMENTS = 2 * MOST_TAGS  # each tag with the text before it
MOST_PROBLEMS = 100  # of one part
LONGEST_TAG = 5_000  # characters
MOST_OPERATORS = 100  # and filters, of one tag
DEEPEST_CONDITION = 32
MOST_BRANCHES = 100  # elif and else of one condition and of those around it
_TOO_MANY_TAGS = _("There are more than %(most)s merge tags, or too many of them have errors.")
_LONG_TAG = _("This tag is longer than %(most)s characters, or is never closed.")
_LONG_EXPRESSION = _(
    "This expression has more than %(most)s operators and filters; set a part of it before, with {%% set … %%}."
)
_DEEP_CONDITION = _("Conditions are nested more than %(most)s deep.")
_MANY_BRANCHES = _("A condition and those around it have more than %(most)s branches.")

_OPERATORS = frozenset("| ~ + - * / // % == != < <= > >= and or not in is if else".split())

_OPENING = re.compile(r"\{\{|\{%|\{#")
_RAW = re.compile(r"\{%[-+]?\s*+raw\s*+[-+]?%\}")
_END_RAW = re.compile(r"\{%[-+]?\s*+endraw\s*+[-+]?%\}")
_STYLE = re.compile(r"<(/?)style\b", re.I)
_TOKEN = re.compile(
    r"""\s*+(?:(?P<string>"(?:\\.|[^"\\])*+"|'(?:\\.|[^'\\])*+')|(?P<number>\d+(?:\.\d+)?)"""
    r"""|(?P<name>[^\W\d]\w*)|(?P<operator>==|!=|<=|>=|//|\*\*|[-+]?(?:\}\}|%\})|[-+*/%~<>|.,()\[\]{}:=!?;&^$\#@\\`'"]))""",
    re.S,
)

_ESCAPE = re.compile(r"\\[^\\\"']")  # a line break written as an escape would end a header or a line


@dataclass(frozen=True)
class _Token:
    kind: str
    value: str


def parse(source: str, *, report: Callable[[Problem], None]) -> list[Segment]:
    """Cut `source` into segments. Every problem is reported with its line; a broken tag becomes a comment."""
    lines = _LineCounter(source)
    styles = _style_sheets(source)
    broken = _Limit(report)
    segments: list[Segment] = []
    at = 0
    search_from = 0
    while match := _OPENING.search(source, search_from):
        start = match.start()
        # In a style sheet `{#` opens a rule for an id, as in `@media print{#menu{…}}`, never a comment.
        if match.group() == "{#" and bisect(styles, start) % 2:
            search_from = start + 2
            continue
        if at < start:
            segments.append(Segment("text", at, start, lines.at(at)))
        if len(segments) > MOST_SEGMENTS or broken.is_reached:
            report(Problem("content_bound", _TOO_MANY_TAGS, line=lines.at(start), most=MOST_TAGS))
            at = start
            break
        segment = _tag(source, start, lines.at(start), broken.report)
        segments.append(segment)
        at = search_from = segment.end
    if at < len(source):
        segments.append(Segment("text", at, len(source), lines.at(at)))
    _check_structure(segments, broken.report)
    return segments


class _Limit:
    """Passes problems on. A tag that is never closed is looked for to the end, so there is an end to those too."""

    def __init__(self, report: Callable[[Problem], None]) -> None:
        self._report, self._left = report, MOST_PROBLEMS

    def report(self, problem: Problem) -> None:
        if self._left:
            self._left -= 1
            self._report(problem)

    @property
    def is_reached(self) -> bool:
        return not self._left


def _style_sheets(source: str) -> list[int]:
    """Where style sheets begin and end by turns: between an odd place and the next a position is in one."""
    places: list[int] = []
    for match in _STYLE.finditer(source):
        if bool(match.group(1)) == bool(len(places) % 2):
            places.append(match.start())
    return places if len(places) % 2 == 0 else places[:-1]


def mask(source: str, segments: list[Segment], character: str) -> str:
    """`source` with every tag painted over, so that positions stay and nothing in a tag looks like markup."""
    return "".join(
        character * (segment.end - segment.start)
        if segment.kind != "text"
        else source[segment.start : segment.end]
        for segment in segments
    )


class _LineCounter:
    def __init__(self, source: str) -> None:
        self._source, self._position, self._line = source, 0, 1

    def at(self, position: int) -> int:
        self._line += self._source.count("\n", self._position, position)
        self._position = position
        return self._line


def _tag(source: str, start: int, line: int, report: Callable[[Problem], None]) -> Segment:
    opening = source[start : start + 2]
    try:
        if opening == "{#":
            return _comment(source, start, line)
        if raw := _RAW.match(source, start):
            return _raw(source, start, raw.end(), line)
        return _Parser(source, start, line).segment()
    except Problem as problem:
        problem.line = problem.line or line
        report(problem)
        return Segment("comment", start, _end_of_broken(source, start), line)


def _comment(source: str, start: int, line: int) -> Segment:
    end = source.find("#}", start + 2)
    if end < 0:
        raise Problem("template_syntax", _("A comment that begins with {# is never closed with #}."))
    return Segment("comment", start, end + 2, line)


def _raw(source: str, start: int, body: int, line: int) -> Segment:
    end = _END_RAW.search(source, body)
    if not end:
        raise Problem("template_syntax", _("{%% raw %%} is never closed with {%% endraw %%}."))
    return Segment("raw", start, end.end(), line, raw=source[body : end.start()])


def _end_of_broken(source: str, start: int) -> int:
    closing = {"{{": "}}", "{%": "%}", "{#": "#}"}[source[start : start + 2]]
    end = source.find(closing, start + 2)
    if end < 0:
        return len(source) if closing == "#}" else start + 2
    end += 2
    while source.startswith("}", end) and closing == "}}":
        end += 1
    return end


def _check_structure(segments: list[Segment], report: Callable[[Problem], None]) -> None:
    open_ifs: list[tuple[Segment, bool]] = []
    branches = [0]  # of what stands open, and around it
    for segment in segments:
        if segment.kind == "if":
            open_ifs.append((segment, False))
            branches.append(branches[-1])
            if len(open_ifs) == DEEPEST_CONDITION + 1:
                report(Problem("content_bound", _DEEP_CONDITION, line=segment.line, most=DEEPEST_CONDITION))
        elif segment.kind in ("elif", "else", "endif"):
            if not open_ifs:
                report(_stray(segment))
                continue
            opened, had_else = open_ifs.pop()
            if segment.kind == "endif":
                branches.pop()
                continue
            branches[-1] += 1
            if branches[-1] == MOST_BRANCHES + 1:
                report(Problem("content_bound", _MANY_BRANCHES, line=segment.line, most=MOST_BRANCHES))
            if had_else:
                report(_stray(segment))
            open_ifs.append((opened, had_else or segment.kind == "else"))
    for opened, _had_else in open_ifs:
        report(
            Problem(
                "template_syntax", _("This {%% if %%} is never closed with {%% endif %%}."), line=opened.line
            )
        )


def _stray(segment: Segment) -> Problem:
    return Problem(
        "template_syntax",
        _("{%% %(tag)s %%} stands without the {%% if %%} that it belongs to."),
        line=segment.line,
        tag=segment.kind,
    )


class _Parser:
    """Reads one tag; what it does not know it refuses."""

    def __init__(self, source: str, start: int, line: int) -> None:
        self.source, self.start, self.line = source, start, line
        self.position = start + 2
        self.is_output = source.startswith("{{", start)
        self.end = min(start + LONGEST_TAG, len(source))
        self.depth = self.operators = 0
        self.trim_left = ""
        if source[self.position : self.position + 1] in ("-", "+") and not re.match(
            r"[-+]\s*\d", source[self.position : self.position + 10]
        ):
            self.trim_left = source[self.position]
            self.position += 1
        self._refuse_other_languages()
        self.token = self._next()

    def segment(self) -> Segment:
        if self.is_output:
            expression = self.expression()
            return self._finish("output", expression=expression)
        return self._block()

    def _block(self) -> Segment:
        tag = self._take_name()
        if tag in ("if", "elif"):
            return self._finish(tag, expression=self.expression())  # type: ignore[arg-type]  # one of the four tags
        if tag in ("else", "endif"):
            return self._finish(tag)  # type: ignore[arg-type]  # one of the four tags
        if tag == "set":
            name = self._take_name()
            if name in KEYWORDS or name in SYSTEM_NAMES or name == "profile" or name.startswith("_"):
                raise self._problem(_("“%(name)s” can't be given another value."), name=name)
            self._expect("=")
            return self._finish("set", expression=self.expression(), name=name)
        if tag in KNOWN_ELSEWHERE:
            raise Problem(
                "template_not_allowed", _("{%% %(tag)s %%} is not available in a message."), tag=tag
            )
        raise self._problem(_("There is no tag {%% %(tag)s %%}."), tag=tag)

    def _finish(self, kind: Kind, *, expression: Expression | None = None, name: str = "") -> Segment:
        closing = "}}" if self.is_output else "%}"
        if self.token.kind != "operator" or not self.token.value.endswith(closing):
            raise self._unexpected()
        return Segment(
            kind,
            self.start,
            self.position,
            self.line,
            expression=expression,
            name=name,
            trim_left=self.trim_left,
            trim_right=self.token.value[: -len(closing)],
        )

    # expression := or [if or [else expression]]

    def expression(self) -> Expression:
        self._descend()
        value = self._either()
        while self._skip_name("if"):
            condition = self._either()
            otherwise = self.expression() if self._skip_name("else") else None
            value = Choice(condition, value, otherwise)
        self.depth -= 1
        return value

    def _either(self) -> Expression:
        value = self._both()
        while self._skip_name("or"):
            value = Binary("or", value, self._both())
        return value

    def _both(self) -> Expression:
        value = self._negation()
        while self._skip_name("and"):
            value = Binary("and", value, self._negation())
        return value

    def _negation(self) -> Expression:
        if self._skip_name("not"):
            self._descend()
            value = Unary("not", self._negation())
            self.depth -= 1
            return value
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._joined()
        operator = self._comparison_operator()
        if not operator:
            return left
        value = Binary(operator, left, self._joined())
        if self._comparison_operator():
            raise self._problem(_("Compare two things at a time and join the comparisons with “and”."))
        return value

    def _comparison_operator(self) -> str:
        if self.token.kind == "operator" and self.token.value in ("==", "!=", "<", "<=", ">", ">="):
            return self._advance().value
        if self._skip_name("in"):
            return "in"
        if self.token == _Token("name", "not"):
            self._advance()
            if not self._skip_name("in"):
                raise self._unexpected()
            return "not in"
        return ""

    def _joined(self) -> Expression:
        value = self._sum()
        while self._skip("~"):
            value = Binary("~", value, self._sum())
        return value

    def _sum(self) -> Expression:
        value = self._product()
        while operator := self._skip("+", "-"):
            value = Binary(operator, value, self._product())
        return value

    def _product(self) -> Expression:
        value = self._signed()
        while operator := self._skip("*", "//", "/", "%"):
            value = Binary(operator, value, self._signed())
        return value

    def _signed(self) -> Expression:
        if self._skip("-"):
            self._descend()
            value = Unary("-", self._signed())
            self.depth -= 1
            return value
        return self._filtered()

    def _filtered(self) -> Expression:
        value = self._primary()
        while True:
            if self._skip("|"):
                name = self._take_name()
                if name not in FILTERS:
                    raise Problem("unknown_filter", _("There is no filter “%(name)s”."), name=name)
                value = Filter(value, name, self._arguments())
            elif self._skip_name("is"):
                negated = bool(self._skip_name("not"))
                name = self._take_name()
                if name not in TESTS:
                    raise self._problem(_("There is no test “is %(name)s”."), name=name)
                value = Test(value, name.lower(), self._arguments() or self._bare_argument(name), negated)
            elif self.token.value in (".", "[", "(") and self.token.kind == "operator":
                raise Problem(
                    "template_not_allowed",
                    _(
                        "Looking into a value and calling it are not available here; use a filter, as in |upper."
                    ),
                )
            else:
                return value

    def _arguments(self) -> tuple[Expression, ...]:
        if not self._skip("("):
            return ()
        return self._items(")")

    def _bare_argument(self, test: str) -> tuple[Expression, ...]:
        takes_one = test in ("startingwith", "endingwith", "eq", "equalto", "ne")
        return (self._primary(),) if takes_one else ()

    def _items(self, closing: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._skip(closing):
            if items:
                self._expect(",")
                if self._skip(closing):
                    break
            items.append(self.expression())
        return tuple(items)

    def _primary(self) -> Expression:
        token = self.token
        if token.kind == "string":
            if _ESCAPE.search(token.value):
                raise self._problem(_("In a text only \\\\, \\\" and \\' may follow a backslash."))
            self._advance()
            return Const(token.value, "text")
        if token.kind == "number":
            self._advance()
            return Const(token.value, "number")
        if self._skip("("):
            value = self.expression()
            self._expect(")")
            return value
        if self._skip("["):
            return Listing(self._items("]"))
        if token.kind == "name":
            return self._named()
        raise self._unexpected()

    def _named(self) -> Expression:
        name = self._take_name()
        if name.lower() in ("true", "false"):
            return Const(name.lower(), "yes_no")
        if name.lower() == "none":
            return Const("none", "none")
        if name in KEYWORDS:
            raise self._problem(_("“%(found)s” is not expected here."), found=name)
        if name == "profile":
            return self._profile_field()
        path = [name]
        while name not in SYSTEM_NAMES and self._skip("."):
            path.append(self._take_name())
        return Name(name) if len(path) == 1 else Unknown(".".join(path))

    def _profile_field(self) -> Expression:
        if not self._skip("."):
            raise Problem(
                "profile_access",
                _(
                    "The profile can't be used as a whole or looked into by a computed name; write profile.field."
                ),
            )
        return ProfileField(self._take_name())

    # tokens

    def _next(self) -> _Token:
        match = _TOKEN.match(self.source, self.position, self.end)
        if not match or match.end() <= self.position:
            rest = self.source[self.position : self.end].lstrip()
            if not rest and self.end < len(self.source):
                raise Problem("content_bound", _LONG_TAG, line=self.line, most=LONGEST_TAG)
            if not rest:
                raise self._unclosed()
            raise self._problem(_("“%(found)s” is not expected here."), found=rest[:1])
        self.position = match.end()
        kind = match.lastgroup or ""
        value = match.group(kind)
        if kind == "operator" and value in ("'", '"'):
            if self.end < len(self.source):
                raise Problem("content_bound", _LONG_TAG, line=self.line, most=LONGEST_TAG)
            raise self._problem(_("A text in quotes is never closed."))
        self.operators += value in _OPERATORS
        if self.operators > MOST_OPERATORS:
            raise Problem("content_bound", _LONG_EXPRESSION, line=self.line, most=MOST_OPERATORS)
        return _Token(kind, value)

    def _advance(self) -> _Token:
        token = self.token
        if token.kind == "operator" and token.value[-2:] in ("}}", "%}"):
            raise self._unexpected()
        self.token = self._next()
        return token

    def _skip(self, *operators: str) -> str:
        if self.token.kind == "operator" and self.token.value in operators:
            return self._advance().value
        return ""

    def _skip_name(self, name: str) -> bool:
        if self.token == _Token("name", name):
            self._advance()
            return True
        return False

    def _expect(self, operator: str) -> None:
        if not self._skip(operator):
            raise self._unexpected()

    def _take_name(self) -> str:
        if self.token.kind != "name":
            raise self._unexpected()
        return self._advance().value

    def _descend(self) -> None:
        self.depth += 1
        if self.depth > 40:
            raise self._problem(_("This expression is nested too deeply."))

    # problems

    def _problem(self, text: str, **slots: str) -> Problem:
        return Problem("template_syntax", text, line=self.line, **slots)

    def _unclosed(self) -> Problem:
        closing = "}}" if self.is_output else "%}"
        return self._problem(_("A tag is never closed with %(closing)s."), closing=closing)

    def _unexpected(self) -> Problem:
        if self.token.kind == "operator" and self.token.value[-2:] in ("}}", "%}"):
            return self._problem(_("The tag ends too early."))
        return self._problem(_("“%(found)s” is not expected here."), found=self.token.value)

    def _refuse_other_languages(self) -> None:
        following = self.source[self.start + 2 : self.start + 3]
        if self.is_output and following in ("#", "/", "{", ">", "^", "!", "&"):
            found = re.match(r"\{\{[^}\n]*\}*", self.source[self.start : self.start + 60])
            raise self._problem(
                _(
                    "“%(found)s” belongs to another template language; write {%% if … %%} or {{ profile.field }}."
                ),
                found=found.group() if found else "{{" + following,
            )
