"""The rules of style sheets, and which of them hold for every reader, at every moment, on every screen."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import tinycss2

from deliveries.content.merge_tags.segments import MASK
from deliveries.content.reading.cascade import selectors
from deliveries.content.reading.cascade.declarations import Declaration
from deliveries.content.reading.cascade.selectors import EVERYTHING, Page, Selector

MOST_CHARACTERS = 256 * 1024  # of all sheets of a page: with more, or deeper ones, nothing is inlined
DEEPEST_BRACKETS = 100
DEEPEST_RULES = 10
MOST_RULES = 10_000  # each with one selector

_BRACKET = re.compile(r"[\[({]|[\])}]")
_HOLDING_RULES = frozenset(
    "media supports layer container scope document -moz-document starting-style".split()
)
_UNKNOWN = Declaration("all", "", False)


@dataclass(frozen=True)
class Sheet:
    """A style sheet of a page; one that `is_conditional` holds for some readers, or on some screens."""

    text: str
    is_conditional: bool


@dataclass(frozen=True)
class Rule:
    """What one selector's tags are to look like."""

    selector: Selector
    declarations: tuple[Declaration, ...]
    is_conditional: bool


class Unreadable(Exception):
    """The style sheets are more, or deeper, than is looked at."""


def rules_of(sheets: Sequence[Sheet], page: Page) -> list[Rule]:
    """Return the rules in their order, each with one selector; raise Unreadable."""
    if sum(len(sheet.text) for sheet in sheets) > MOST_CHARACTERS:
        raise Unreadable
    found: list[Rule] = []
    for sheet in sheets:
        if _depth(sheet.text) > DEEPEST_BRACKETS:
            raise Unreadable
        is_conditional = sheet.is_conditional or MASK in sheet.text
        parsed = tinycss2.parse_stylesheet(sheet.text, skip_comments=True, skip_whitespace=True)
        for rule in _rules(parsed, page, is_conditional=is_conditional, depth=0):
            found.append(rule)
            if len(found) > MOST_RULES:
                raise Unreadable
    return found


def _depth(css: str) -> int:
    depth = deepest = 0
    for bracket in _BRACKET.findall(css):
        depth += 1 if bracket in "[({" else -1
        deepest = max(deepest, depth)
    return deepest


def _rules(
    parsed: Sequence[Any], page: Page, *, is_conditional: bool, depth: int, is_ranked: bool = True
) -> Iterator[Rule]:
    if depth > DEEPEST_RULES:
        raise Unreadable
    for rule in parsed:
        if rule.type == "qualified-rule":
            yield from _qualified(rule, page, is_conditional=is_conditional, is_ranked=is_ranked)
        elif rule.type == "at-rule" and rule.lower_at_keyword in _HOLDING_RULES and rule.content is not None:
            inside = tinycss2.parse_stylesheet(rule.content, skip_comments=True, skip_whitespace=True)
            yield from _rules(
                inside,
                page,
                is_conditional=True,
                depth=depth + 1,
                is_ranked=is_ranked and rule.lower_at_keyword != "scope",
            )


def _qualified(rule: Any, page: Page, *, is_conditional: bool, is_ranked: bool) -> Iterator[Rule]:
    found, are_known = selectors.read(rule.prelude, page)
    declarations = tuple(_declarations(rule.content))
    if not declarations:
        return
    for selector in found:
        is_certain = selector.is_certain and are_known and not is_conditional
        if not is_ranked:
            selector = Selector(selector.text, None, False, selector.attributes, selector.styles)
        yield Rule(selector, declarations, not is_certain)
    if inner := tuple(_inside(rule.content)):
        yield Rule(EVERYTHING, inner, True)


def _declarations(content: Sequence[Any]) -> Iterator[Declaration]:
    for item in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if item.type == "declaration":
            name = item.name if item.name.startswith("--") else item.lower_name
            if MASK in name:
                yield _UNKNOWN
            else:
                yield Declaration(name, tinycss2.serialize(item.value).strip(), item.important)
        elif item.type == "error" and any(MASK in str(token.serialize()) for token in content):
            yield _UNKNOWN


def _inside(content: Sequence[Any]) -> Iterator[Declaration]:
    """What rules within a rule declare, whomever they mean."""
    for item in tinycss2.parse_blocks_contents(content, skip_comments=True, skip_whitespace=True):
        if item.type in ("qualified-rule", "at-rule") and item.content is not None:
            yield from _declarations(item.content)
            yield from _inside(item.content)
