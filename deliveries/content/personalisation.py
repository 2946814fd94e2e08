"""From merge tags as written to merge tags as run: no surprise left for the moment of sending.

What authors can rely on:
- a field without a value is an empty text; `|default('there')` fills in for it, and `is defined` is false;
- an empty number counts as 0 in a calculation, is never smaller or larger than anything, and rounds to nothing;
- a name that nobody declared is empty, and the author is warned;
- in an address a value is encoded as part of an address, with or without `|urlencode`.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from functools import cached_property
from typing import Any

import minijinja
from django.utils.translation import gettext_noop as _

from deliveries.content import grammar
from deliveries.content.findings import Findings
from deliveries.content.grammar import (
    Binary,
    Choice,
    Const,
    Expression,
    Filter,
    Listing,
    Name,
    Problem,
    ProfileField,
    Segment,
    Test,
    Unary,
    Unknown,
    parts_of,
)
from deliveries.content.source import Field

FUEL = 200_000  # instructions for one part of one message; the largest newsletter seen needs a hundredth
FAILURES = (minijinja.TemplateError, ValueError, TypeError, OverflowError)  # of running a template
MOST_BRANCHES_RUN = (
    400  # more than the author's may have: content that was sealed before there was a bound is run
)
_BRANCHES = re.compile(r"\{%[-+]? *+(if|elif|else|endif)\b")
MAX_WEIGHT = 5_000
MAX_WRITTEN = 20_000
HEADERS = frozenset({"subject", "from_name"})
NUMERIC_FILTERS = frozenset({"round", "abs", "int", "float"})
NUMERIC_TESTS = frozenset({"odd", "even"})
_ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%"})
_ORDER = frozenset({"<", "<=", ">", ">="})

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+")

# The addresses of ours, as the renderer fills them: names that no author can write.
BASE = "{{ _base }}"
SYSTEM_SLOTS = {
    "unsubscribe_url": f"{BASE}/u/{{{{ _u }}}}",
    "mirror_url": f"{BASE}/m/{{{{ _m }}}}",
}
_SYSTEM_EXPRESSIONS = {"unsubscribe_url": '(_base ~ "/u/" ~ _u)', "mirror_url": '(_base ~ "/m/" ~ _m)'}


def environment(templates: Mapping[str, str]) -> minijinja.Environment:
    """Runs `templates` with plain values only: names ending in .html escape, what is undefined is an error."""
    made = minijinja.Environment(
        undefined_behavior="strict", fuel=FUEL, debug=False, pycompat=False, keep_trailing_newline=True
    )
    made.add_filter("date", format_date)
    for name, template in templates.items():
        if _longest_condition(template) > MOST_BRANCHES_RUN:
            raise TooManyBranches(f"a condition has more than {MOST_BRANCHES_RUN} branches")
        made.add_template(name, template)
    return made


class TooManyBranches(ValueError):
    """The engine takes a stack frame for each branch: such a template is not even read."""


def _longest_condition(template: str) -> int:
    """How many branches stand within and after one another at most."""
    depth, open_, most = 0, [0], 0
    for tag in _BRANCHES.findall(template):
        if tag == "if":
            depth += 1
            open_.append(depth)
        elif tag == "endif":
            depth = open_.pop() - 1 if len(open_) > 1 else 0
        else:
            depth += 1
        most = max(most, depth)
    return most


def format_date(value: str, form: str = "%Y-%m-%d") -> str:
    """A date in the author's form, such as %d/%m/%Y; nothing for an empty one."""
    return datetime.fromisoformat(value).strftime(form) if value else ""


def literal(text: str) -> str:
    """Text as a template that renders to just that text."""
    if "{" not in text:
        return text
    for opening in ("{{", "{%", "{#"):
        text = text.replace(opening, f"\x00{opening}\x01")
    if text.endswith("{"):  # the next thing might begin with a brace
        text = text[:-1] + "\x00{\x01"
    return text.replace("\x00", "{{ '").replace("\x01", "' }}")


def cause_of(error: Exception) -> str:
    """What a failure to render came from, in the engine's words."""
    return str(getattr(error, "detail", "") or getattr(error, "message", "") or error)


class Scope:
    """One part of the content (subject, html …): checks its expressions and writes them anew."""

    def __init__(
        self, part: str, source: str, *, fields: Sequence[Field], used: set[str], findings: Findings
    ) -> None:
        self.part, self.source, self.findings = part, source, findings
        self._fields = {field.name: field for field in fields}
        self._used = used
        self._weights: dict[str, int] = {}
        self.segments = grammar.parse(source, report=self.report)
        self._starts = [segment.start for segment in self.segments]
        self._lines = [match.start() for match in re.finditer("\n", source)]
        self._tried: set[str] = set()
        self._locals = {segment.name for segment in self.segments if segment.kind == "set"}
        self._templates = {segment.start: self._tag(segment) for segment in self.segments if segment.is_tag}

    def report(self, problem: Problem) -> None:
        self.findings.error(problem.code, problem.text, where=self.part, line=problem.line, **problem.slots)

    @property
    def preamble(self) -> str:
        """Names that a branch may set have a value in all of them."""
        return "".join(f"{{% set {name} = '' %}}" for name in sorted(self._locals))

    def line_at(self, position: int) -> int:
        return bisect_left(self._lines, position) + 1

    def template(self, start: int = 0, end: int | None = None) -> str:
        """The source between two positions as a template to run."""
        return "".join(
            self._templates[segment.start] if segment.is_tag else literal(text)
            for segment, text in self.between(start, end)
        )

    def between(self, start: int = 0, end: int | None = None) -> Iterator[tuple[Segment, str]]:
        """The segments from `start` to `end`, each with the part of its text that lies there."""
        end = len(self.source) if end is None else end
        first = max(bisect_right(self._starts, start) - 1, 0)
        for at in range(first, len(self.segments)):
            segment = self.segments[at]
            if segment.start >= end:
                break
            if segment.end <= start:
                continue
            if segment.kind == "text":
                yield segment, self.source[max(start, segment.start) : min(end, segment.end)]
            else:
                yield segment, segment.raw

    def tag(self, segment: Segment) -> str:
        return self._templates[segment.start]

    def tag_in_address(self, segment: Segment) -> str:
        """A tag inside an address: its value can't become another part of the address.

        The address is rendered again when somebody clicks, so it may depend on the profile alone.
        """
        if segment.expression is None:
            return self.tag(segment)
        for part in parts_of(segment.expression):
            if isinstance(part, Name) and part.name in self._locals | grammar.SYSTEM_NAMES:
                raise Problem(
                    "link_variable",
                    _("A link can use only fields of the profile, not “%(name)s”."),
                    line=segment.line,
                    name=part.name,
                )
        if segment.kind != "output" or getattr(segment.expression, "name", "") == "urlencode":
            return self.tag(segment)
        return self._wrapped(segment, f"({self._write(segment.expression)})|urlencode")

    def depths(self) -> dict[int, int]:
        """For each tag's position the number of conditions around it."""
        depths, depth = {}, 0
        for segment in self.segments:
            depth -= segment.kind == "endif"
            depths[segment.start] = depth
            depth += segment.kind == "if"
        return depths

    # writing

    def _tag(self, segment: Segment) -> str:
        if segment.kind == "comment":
            return ""
        try:
            if segment.kind == "output":
                return self._output(segment)
            if segment.kind == "set":
                self._weigh(segment)
                return self._block(segment, f"set {segment.name} = {self._checked(segment)}")
            if segment.kind in ("if", "elif"):
                return self._block(segment, f"{segment.kind} {self._checked(segment)}")
            return self._block(segment, segment.kind)
        except Problem as problem:
            problem.line = problem.line or segment.line
            self.report(problem)
            return ""

    def _output(self, segment: Segment) -> str:
        self._check_addresses(segment)
        expression = segment.expression
        if isinstance(expression, Name) and expression.name in SYSTEM_SLOTS:
            return SYSTEM_SLOTS[expression.name]
        return self._wrapped(segment, self._checked(segment))

    def _wrapped(self, segment: Segment, expression: str) -> str:
        return f"{{{{{segment.trim_left} {expression} {segment.trim_right}}}}}"

    def _block(self, segment: Segment, body: str) -> str:
        return f"{{%{segment.trim_left} {body} {segment.trim_right}%}}"

    def _checked(self, segment: Segment) -> str:
        """The expression as it will run, tried on values of each kind."""
        assert segment.expression is not None
        self._warn_of_unknown(segment)
        self._check_addresses(segment)
        written = self._write(segment.expression)
        for values in self._samples if written not in self._tried else ():
            try:
                environment({"try.txt": "{{ [" + written + "]|length }}"}).render_template(
                    "try.txt", **values
                )
            except FAILURES as error:
                raise Problem(
                    "template_syntax",
                    _("This can't be computed: %(cause)s."),
                    line=segment.line,
                    cause=cause_of(error),
                ) from error
        self._tried.add(written)
        return written

    def _check_addresses(self, segment: Segment) -> None:
        """Addresses that act for a recipient stay out of headers, which are quoted and forwarded."""
        assert segment.expression is not None
        for part in parts_of(segment.expression) if self.part in HEADERS else ():
            if isinstance(part, Name) and part.name in grammar.SYSTEM_NAMES:
                raise Problem("template_not_allowed", _("“%(name)s” has no place here."), name=part.name)

    @cached_property
    def _samples(self) -> list[dict[str, Any]]:
        """Everything filled in, and nothing."""
        return [self._sample(is_filled=True), self._sample(is_filled=False)]

    def _sample(self, *, is_filled: bool) -> dict[str, Any]:
        samples = {"number": 7, "date": "2026-04-30", "yes_no": True}
        values = {
            name: samples.get(field.kind, "Sample") if is_filled else ""
            for name, field in self._fields.items()
        }
        return {"profile": values, "_base": "", "_u": "", "_m": ""} | dict.fromkeys(self._locals, "")

    def _warn_of_unknown(self, segment: Segment) -> None:
        assert segment.expression is not None
        for part in parts_of(segment.expression):
            if name := self._unknown_name(part):
                self.findings.warning(
                    "undefined_field",
                    _("There is no field “%(name)s”: the place stays empty."),
                    where=self.part,
                    line=segment.line,
                    name=name,
                )

    def _unknown_name(self, part: Expression) -> str:
        if isinstance(part, ProfileField) and part.name not in self._fields:
            return f"profile.{part.name}"
        if isinstance(part, Unknown):
            return part.name
        if isinstance(part, Name) and part.name not in self._locals | grammar.SYSTEM_NAMES:
            return part.name
        return ""

    def _write(self, node: Expression) -> str:
        written = self._write_node(node)
        if len(written) > MAX_WRITTEN:  # an operand may be written several times: growth ends here
            raise Problem("template_not_allowed", _("This expression is too long."))
        return written

    def _write_node(self, node: Expression) -> str:
        match node:
            case Const(source=source):
                return source
            case ProfileField(name=name) if name in self._fields:
                self._used.add(name)
                return f"profile.{name}"
            case Name(name=name) if name in _SYSTEM_EXPRESSIONS:
                return _SYSTEM_EXPRESSIONS[name]
            case Name(name=name) if name in self._locals:
                return name
            case Name() | ProfileField() | Unknown():
                return '""'
            case Listing(items=items):
                return "[" + ", ".join(self._write(item) for item in items) + "]"
            case Unary(operator="not", operand=operand):
                return f"(not {self._write(operand)})"
            case Unary(operand=operand):
                return f"(-{self._number(operand)})"
            case Binary():
                return self._binary(node)
            case Test():
                return self._test(node)
            case Filter():
                return self._filter(node)
            case Choice(condition=condition, then=then, otherwise=otherwise):
                last = self._write(otherwise) if otherwise else '""'
                return f"({self._write(then)} if {self._write(condition)} else {last})"
        raise AssertionError(node)

    def _binary(self, node: Binary) -> str:
        left, right = self._write(node.left), self._write(node.right)
        if node.operator in _ARITHMETIC:
            if any(self._unknown_name(part) for part in parts_of(node)):
                return '""'
            return f"({self._number(node.left)} {node.operator} {self._number(node.right)})"
        if node.operator in _ORDER:
            self._check_comparable(node)
            guards = [self._guard(operand) for operand in (node.left, node.right)]
            return "(" + " and ".join([*filter(None, guards), f"{left} {node.operator} {right}"]) + ")"
        if node.operator in ("==", "!="):
            self._check_comparable(node)
        return f"({left} {node.operator} {right})"

    def _guard(self, operand: Expression) -> str:
        """What must hold before `operand` may be ordered: nothing is smaller or larger than an empty value."""
        if isinstance(operand, Const):
            return ""
        written = self._write(operand)
        return f"{written} is number" if self._kind(operand) == "number" else f'{written} != ""'

    def _number(self, node: Expression) -> str:
        if isinstance(node, Const):
            if node.kind == "text":
                raise Problem("template_syntax", _("A text can't be calculated with; join texts with ~."))
            return node.source
        if self._kind(node) == "text":
            raise Problem("template_syntax", _("A text can't be calculated with; join texts with ~."))
        written = self._write(node)
        return f"({written} if {written} is number else 0)"

    def _check_comparable(self, node: Binary) -> None:
        kinds = {self._kind(node.left), self._kind(node.right)}
        if kinds == {"text", "number"}:
            raise Problem("template_syntax", _("A text is compared with a number here, which is never true."))

    def _kind(self, node: Expression) -> str:
        match node:
            case Const(kind=kind, source=source):
                return "" if source in ('""', "''") else kind
            case ProfileField(name=name) if name in self._fields:
                return self._fields[name].kind
            case Filter(name="default" | "d", operand=operand):
                return self._kind(operand)
            case Filter(name="length" | "count" | "round" | "abs" | "int" | "float"):
                return "number"
            case Filter():
                return "text"
            case Binary(operator=operator):
                return "number" if operator in _ARITHMETIC else "text" if operator == "~" else "yes_no"
            case Unary(operator="-"):
                return "number"
        return ""

    def _test(self, node: Test) -> str:
        operand = self._write(node.operand)
        arguments = ", ".join(self._write(argument) for argument in node.arguments)
        match node.name:
            case "defined":
                written = f'({operand} != "")'
            case "undefined" | "none":
                written = f'({operand} == "")'
            case name if name in NUMERIC_TESTS:
                written = f"({operand} is number and {operand} is {name})"
            case "startingwith" | "endingwith":
                written = f"({operand}|string is {node.name}({arguments}))"
            case name:
                written = f"({operand} is {name}({arguments}))" if arguments else f"({operand} is {name})"
        return f"(not {written})" if node.is_negated else written

    def _filter(self, node: Filter) -> str:
        operand = self._write(node.operand)
        written = [self._write(argument) for argument in node.arguments]
        arguments = f"({', '.join(written)})" if written else ""
        if node.name in ("default", "d"):
            substitute = written[0] if written else '""'
            return f'({substitute} if {operand} == "" else {operand})'
        if node.name == "round" and not written:
            return f'({operand}|round|int if {operand} is number else "")'
        if node.name in NUMERIC_FILTERS:
            return f'({operand}|{node.name}{arguments} if {operand} != "" else "")'
        if node.name in ("e", "escape", "urlencode", "length", "count", "date"):
            return f"{operand}|{node.name}{arguments}"
        return f"{operand}|string|{node.name}{arguments}"

    # size

    def _weigh(self, segment: Segment) -> None:
        assert segment.expression is not None
        weight = self._weight(segment.expression)
        self._weights[segment.name] = self._weights.get(segment.name, 0) + weight
        if self._weights[segment.name] > MAX_WEIGHT:
            raise Problem("template_not_allowed", _("“%(name)s” would grow without end."), name=segment.name)

    def _weight(self, node: Expression) -> int:
        """An upper bound of how large the value may become, in units of a short text."""
        match node:
            case Const(source=source):
                return 1 + len(source) // 100
            case Name(name=name):
                return self._weights.get(name, 1)
            case Filter(name="replace", operand=operand, arguments=arguments):
                return self._weight(operand) * 20 * (1 + sum(self._weight(a) for a in arguments))
        children = [
            child
            for value in vars(node).values()
            for child in (value if isinstance(value, tuple) else (value,))
            if hasattr(child, "__dataclass_fields__")
        ]
        return 1 + sum(self._weight(child) for child in children)


def plain(value: Any, kind: str) -> str | int | float | bool:
    """A value as templates see it: text, number or yes-no, and the empty text for none."""
    if value is None or value == "":
        return ""
    if kind == "number":
        return _number(value)
    if kind == "yes_no":
        return value if isinstance(value, bool) else str(value).strip().lower() in ("yes", "true", "1", "sim")
    if isinstance(value, (date, datetime)):
        return value.isoformat()
    return clean(str(value))


def _number(value: Any) -> int | float | str:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        try:
            value = float(str(value))
        except ValueError:
            return clean(str(value))
    return int(value) if value == value and abs(value) < 2**53 and value == int(value) else value


def clean(text: str) -> str:
    """One line of text that UTF-8 can carry: whatever breaks lines or is no character becomes a space."""
    # What is unfit is not printable either, and that is faster to see.
    return text if text.isprintable() else _UNFIT.sub(" ", text)
