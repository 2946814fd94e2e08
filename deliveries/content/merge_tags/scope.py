"""One part of the content (subject, html …): its tags are checked, and written anew as they will run."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import minijinja
from django.utils.translation import gettext_noop as n_

from deliveries.content.findings import Findings
from deliveries.content.merge_tags import foreign
from deliveries.content.merge_tags.cutting import parse
from deliveries.content.merge_tags.engine import FAILURES, cause_of, environment
from deliveries.content.merge_tags.expressions import Name, parts_of
from deliveries.content.merge_tags.foreign import Vocabulary
from deliveries.content.merge_tags.growth import Growth
from deliveries.content.merge_tags.literals import literal
from deliveries.content.merge_tags.own_addresses import SYSTEM_SLOTS
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.segments import Segment
from deliveries.content.merge_tags.vocabulary import SYSTEM_NAMES
from deliveries.content.merge_tags.writer import ExpressionWriter
from deliveries.content.source import Field

HEADERS = frozenset({"subject", "from_name"})


class Scope:
    """The segments of one part, each tag with the template that it becomes.

    `part` is the name under which findings are reported, `used` gets the name of each field that an expression reads.
    A tag with a problem is reported and becomes nothing.
    """

    def __init__(
        self, part: str, source: str, *, fields: Sequence[Field], used: set[str], findings: Findings
    ) -> None:
        self.part, self.source, self.findings = part, source, findings
        self._fields = {field.name: field for field in fields}
        self._growth = Growth()
        self.segments = parse(source, report=self.report, is_html=part == "html")
        self._starts = [segment.start for segment in self.segments]
        self._tag_starts = [segment.start for segment in self.segments if segment.kind != "text"]
        self._lines = [match.start() for match in re.finditer("\n", source)]
        self._tried: set[str] = set()
        self._variables = {segment.name for segment in self.segments if segment.kind == "set"}
        self._writer = ExpressionWriter(self._fields, variables=self._variables, used=used)
        self._vocabulary = Vocabulary(fields)
        self._warn_of_foreign_tags()
        self._templates = {segment.start: self._tag(segment) for segment in self.segments if segment.is_tag}

    def report(self, problem: Problem) -> None:
        """Add the problem to the findings of this part, as an error."""
        self.findings.error(problem.code, problem.text, where=self.part, line=problem.line, **problem.slots)

    @property
    def preamble(self) -> str:
        """What must stand before the template, so that a variable that one branch sets has a value in all."""
        return "".join(f"{{% set {name} = '' %}}" for name in sorted(self._variables))

    def line_at(self, position: int) -> int:
        """Return the line of a position of the source, from 1."""
        return bisect_left(self._lines, position) + 1

    def template(self, start: int = 0, end: int | None = None) -> str:
        """Return the source between two positions as a template to run; `end` is the end of the source by default."""
        return "".join(
            self._templates[segment.start] if segment.is_tag else literal(text)
            for segment, text in self.between(start, end)
        )

    def between(self, start: int = 0, end: int | None = None) -> Iterator[tuple[Segment, str]]:
        """Yield the segments from `start` to `end`, each with the part of its text that lies there; a tag has none."""
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

    def has_tags(self, start: int, end: int) -> bool:
        """Whether a tag, or a raw stretch, begins between two positions."""
        at = bisect_left(self._tag_starts, start)
        return at < len(self._tag_starts) and self._tag_starts[at] < end

    def tag(self, segment: Segment) -> str:
        """Return the template of a tag."""
        return self._templates[segment.start]

    def tag_in_address(self, segment: Segment) -> str:
        """Return the template of a tag inside an address, where its value can't become another part of the address.

        Raise Problem where it reads anything but the profile: the address is rendered again when somebody clicks.
        """
        if segment.expression is None:
            return self.tag(segment)
        for part in parts_of(segment.expression):
            if isinstance(part, Name) and part.name in self._variables | SYSTEM_NAMES:
                raise Problem(
                    "link_variable",
                    n_("A link can use only fields of the profile, not “%(name)s”."),
                    line=segment.line,
                    name=part.name,
                )
        if segment.kind != "output" or getattr(segment.expression, "name", "") == "urlencode":
            return self.tag(segment)
        return self._wrapped(segment, f"({self._writer.write(segment.expression)})|urlencode")

    def depths(self) -> dict[int, int]:
        """Return, by the position of each segment, how many conditions stand around it."""
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
                self._growth.weigh(segment)
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
        """Return the expression as it will run, after a trial with each value filled in and with none."""
        assert segment.expression is not None
        self._warn_of_unknown(segment)
        self._check_addresses(segment)
        written = self._writer.write(segment.expression)
        for values in self._samples if written not in self._tried else ():
            try:
                self._trial.render_str("{{ [" + written + "]|length }}", "try.txt", **values)
            except FAILURES as error:
                raise Problem(
                    "template_syntax",
                    n_("This can't be computed: %(cause)s."),
                    line=segment.line,
                    cause=cause_of(error),
                ) from error
        self._tried.add(written)
        return written

    def _check_addresses(self, segment: Segment) -> None:
        """Raise Problem for an address that acts for its recipient in a header, which is quoted and forwarded."""
        assert segment.expression is not None
        for part in parts_of(segment.expression) if self.part in HEADERS else ():
            if isinstance(part, Name) and part.name in SYSTEM_NAMES:
                raise Problem("template_not_allowed", n_("“%(name)s” has no place here."), name=part.name)

    @cached_property
    def _trial(self) -> minijinja.Environment:
        """What runs one expression at a time."""
        return environment({})

    @cached_property
    def _samples(self) -> list[dict[str, Any]]:
        """Values with every field filled in, and with none."""
        return [self._sample(is_filled=True), self._sample(is_filled=False)]

    def _sample(self, *, is_filled: bool) -> dict[str, Any]:
        samples = {"number": 7, "date": "2026-04-30", "yes_no": True}
        values = {
            name: samples.get(field.kind, "Sample") if is_filled else ""
            for name, field in self._fields.items()
        }
        return {"profile": values, "_base": "", "_u": "", "_m": ""} | dict.fromkeys(self._variables, "")

    def _warn_of_foreign_tags(self) -> None:
        tags = foreign.tags_in(self.source, self.segments, self._vocabulary, is_html=self.part == "html")
        for at, written, meant in tags:
            if meant:
                text = n_(
                    "“%(found)s” is a tag of another system and stays as it is written. "
                    "Did you mean {{ %(meant)s }}?"
                )
            else:
                text = n_(
                    "“%(found)s” looks like a tag of another system and stays as it is written; "
                    "write {{ profile.field }}."
                )
            slots = {"found": written, "meant": meant} if meant else {"found": written}
            self.findings.warning("foreign_tag", text, where=self.part, line=self.line_at(at), **slots)

    def _warn_of_unknown(self, segment: Segment) -> None:
        assert segment.expression is not None
        for part in parts_of(segment.expression):
            if name := self._writer.unknown_name(part):
                slots, text = {"name": name}, n_("There is no field “%(name)s”: the place stays empty.")
                if meant := self._vocabulary.meant_by(name):
                    slots["meant"] = meant
                    text = n_(
                        "There is no field “%(name)s”: the place stays empty. Did you mean {{ %(meant)s }}?"
                    )
                self.findings.warning("undefined_field", text, where=self.part, line=segment.line, **slots)
