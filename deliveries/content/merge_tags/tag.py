"""One tag: a comment, a raw stretch, an output or a statement."""

import re
from collections.abc import Callable
from dataclasses import replace

from django.utils.translation import gettext_noop as n_

from deliveries.content.merge_tags import pasted
from deliveries.content.merge_tags.expressions import Expression
from deliveries.content.merge_tags.parser import ExpressionParser
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.segments import Kind, Segment
from deliveries.content.merge_tags.tokens import Tokens
from deliveries.content.merge_tags.vocabulary import KEYWORDS, KNOWN_ELSEWHERE, SYSTEM_NAMES

_RAW = re.compile(r"\{%[-+]?\s*+raw\s*+[-+]?%\}")
_END_RAW = re.compile(r"\{%[-+]?\s*+endraw\s*+[-+]?%\}")
_SIGNED_NUMBER = re.compile(r"[-+]\s*\d")
_OTHER_LANGUAGE = re.compile(r"\{\{[^}\n]*\}*")


def read_tag(
    source: str, start: int, line: int, *, report: Callable[[Problem], None], is_html: bool = False
) -> Segment:
    """Return the tag that begins at `start`, in this line. A broken one is reported, and becomes a comment."""
    opening = source[start : start + 2]
    try:
        if opening == "{#":
            return _comment(source, start, line)
        if raw := _RAW.match(source, start):
            return _raw(source, start, raw.end(), line)
        if is_html and (meant := pasted.as_meant(source, start)):
            return replace(_statement(meant[0], 0, line), start=start, end=meant[1])
        return _statement(source, start, line)
    except Problem as problem:
        problem.line = problem.line or line
        report(problem)
        return Segment("comment", start, _end_of_broken(source, start), line)


def _comment(source: str, start: int, line: int) -> Segment:
    end = source.find("#}", start + 2)
    if end < 0:
        raise Problem("template_syntax", n_("A comment that begins with {# is never closed with #}."))
    return Segment("comment", start, end + 2, line)


def _raw(source: str, start: int, body: int, line: int) -> Segment:
    end = _END_RAW.search(source, body)
    if not end:
        raise Problem("template_syntax", n_("{%% raw %%} is never closed with {%% endraw %%}."))
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


def _statement(source: str, start: int, line: int) -> Segment:
    position, trim_left = start + 2, ""
    if source[position : position + 1] in ("-", "+") and not _SIGNED_NUMBER.match(
        source[position : position + 10]
    ):
        trim_left = source[position]
        position += 1
    _refuse_other_languages(source, start, line)
    return _TagReader(Tokens(source, start, position, line=line), start, line, trim_left).segment()


def _refuse_other_languages(source: str, start: int, line: int) -> None:
    following = source[start + 2 : start + 3]
    if source.startswith("{{", start) and following in ("#", "/", "{", ">", "^", "!", "&"):
        found = _OTHER_LANGUAGE.match(source[start : start + 60])
        raise Problem(
            "template_syntax",
            n_(
                "“%(found)s” belongs to another template language; write {%% if … %%} or {{ profile.field }}."
            ),
            line=line,
            found=found.group() if found else "{{" + following,
        )


class _TagReader:
    """Reads one output or statement to its end."""

    def __init__(self, tokens: Tokens, start: int, line: int, trim_left: str) -> None:
        self._tokens, self._start, self._line, self._trim_left = tokens, start, line, trim_left
        self._expression = ExpressionParser(tokens).expression

    def segment(self) -> Segment:
        """Return the tag; raise Problem where it is none of those that there are."""
        if self._tokens.is_output:
            return self._finish("output", expression=self._expression())
        return self._block()

    def _block(self) -> Segment:
        tag = self._tokens.take_name()
        if tag in ("if", "elif"):
            return self._finish(tag, expression=self._expression())  # type: ignore[arg-type]  # one of the four tags
        if tag in ("else", "endif"):
            return self._finish(tag)  # type: ignore[arg-type]  # one of the four tags
        if tag == "set":
            name = self._tokens.take_name()
            if name in KEYWORDS or name in SYSTEM_NAMES or name == "profile" or name.startswith("_"):
                raise self._tokens.problem(n_("“%(name)s” can't be given another value."), name=name)
            self._tokens.expect("=")
            return self._finish("set", expression=self._expression(), name=name)
        if tag in KNOWN_ELSEWHERE:
            raise Problem(
                "template_not_allowed", n_("{%% %(tag)s %%} is not available in a message."), tag=tag
            )
        raise self._tokens.problem(n_("There is no tag {%% %(tag)s %%}."), tag=tag)

    def _finish(self, kind: Kind, *, expression: Expression | None = None, name: str = "") -> Segment:
        closing = "}}" if self._tokens.is_output else "%}"
        if self._tokens.token.kind != "operator" or not self._tokens.token.value.endswith(closing):
            raise self._tokens.unexpected()
        return Segment(
            kind,
            self._start,
            self._tokens.position,
            self._line,
            expression=expression,
            name=name,
            trim_left=self._trim_left,
            trim_right=self._tokens.token.value[: -len(closing)],
        )
