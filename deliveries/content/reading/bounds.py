"""How much content may be, and how deep: counted, never recursed into, before anything is made of it.

What reads content after this may take a stack frame for each level or a step for each pair; so depth, size and
counts end here, with a sentence that names the bound. Every count is a loop over tokens or nodes.
"""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from django.utils.translation import gettext_noop as n_
from selectolax.lexbor import LexborHTMLParser

from deliveries.content import references
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.reading.markup import VOID, Token
from deliveries.content.source import Source

CODE = "content_bound"
MOST_CHARACTERS = {"html": 2 * 1024 * 1024, "text": 2 * 1024 * 1024}
MOST_CHARACTERS_OF_A_LINE = 5_000  # of each other part: subject, preheader, senders
DEEPEST = 256
DEEPEST_AS_WRITTEN = 1_024  # open tags as they stand, before a parser says how deep they really are
MOST_ELEMENTS = 25_000
MOST_ATTRIBUTES = 200  # of one tag
MOST_REOPENED = 100_000
MOST_STYLED = 20_000_000  # characters that style sheets would add to tags
MOST_LINKS = 4_500

SIZE = n_("This part has %(found)s characters; %(most)s are the most.")
DEPTH = n_(
    "The tags are nested more than %(most)s deep; take out what is nested, or close what was left open."
)
ELEMENTS = n_("There are more than %(most)s tags; shorten the page.")
ATTRIBUTES = n_("This tag has more than %(most)s attributes.")
REOPENED = n_(
    "Tags such as <b> and <font> are left open so often that they would be repeated more than %(most)s times; "
    "close them."
)
STYLED = n_(
    "The style sheets would add more than %(most)s characters to the tags; use fewer or shorter rules, or fewer "
    "tags that they apply to."
)
LINKS = n_("There are more than %(most)s links; shorten the page.")

_CLOSED_BY_THE_NEXT = frozenset("p li dt dd option optgroup tr td th tbody thead tfoot colgroup".split())
_REOPENING = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_TABLE = frozenset("table caption tbody thead tfoot tr td th".split())
_WALLS = frozenset("applet button caption html marquee object table td template th".split())
_KEEPING = frozenset(
    "applet caption marquee object td template th".split()
)  # tags left open inside end with them
_INLINE = _REOPENING | frozenset(
    "abbr bdi bdo cite del dfn ins kbd label mark q samp span sub sup var".split()
)

# What is inside of these one parser nests and another leaves out: of it counts what is written.
_READ_IN_TWO_WAYS = frozenset({"template", "select", "noscript", "frameset"})

_CSS_WORDS = re.compile(
    r"""/\*(?:[^*]|\*(?!/))*+(?:\*/)?|"(?:[^"\\\n]|\\.)*+"?|'(?:[^'\\\n]|\\.)*+'?""", re.S
)
_AS_DEEP_AS_MAY_BE = ">".join("*" * DEEPEST)
_COMBINATORS = re.compile(r"[\s>+~]+")
_CLASS_OR_ID = re.compile(r"(?<!\\)([.#][\w-]+)")
_PLAIN_NAME = re.compile(r"[A-Za-z][A-Za-z0-9-]*")


def sizes(source: Source) -> Iterable[tuple[str, Problem]]:
    """Yield the parts that are too long, each with what to say of it."""
    for part, text in vars(source).items():
        most = MOST_CHARACTERS.get(part, MOST_CHARACTERS_OF_A_LINE)
        if len(text) > most:
            yield part, Problem(CODE, SIZE, found=len(text), most=most)


def of_markup(html: str, tokens: Sequence[Token]) -> None:
    """Raise Problem where there are more tags than may be, or where they stand too deep, as they are written."""
    written = _Written()
    elements = 0
    deepest = DEEPEST_AS_WRITTEN
    for token in tokens:
        kind, start, _end, name, attributes, in_condition = token
        if kind == "start":
            elements += 1
            if elements > MOST_ELEMENTS:
                raise _reached(ELEMENTS, MOST_ELEMENTS, at=start, html=html)
            if name in _READ_IN_TWO_WAYS:
                deepest = DEEPEST
            if len(attributes) > MOST_ATTRIBUTES:
                raise _reached(ATTRIBUTES, MOST_ATTRIBUTES, at=start, html=html)
        if in_condition:
            continue
        if kind == "end":
            written.end(name)
        elif kind == "start" or kind == "text":
            written.repeated += len(written.left)
            if kind == "start" and name not in VOID:
                written.start(token, html)
                if len(written.open) + len(written.left) > deepest:
                    raise _reached(DEPTH, DEEPEST, at=start, html=html)
            if written.repeated > MOST_REOPENED:
                raise _reached(REOPENED, MOST_REOPENED, at=start, html=html)


def of_tree(html: str) -> None:
    """Raise Problem where the tree that a parser makes of it is deeper than may be."""
    # A selector finds the deep tags of a page a hundred times as fast as a walk through all of its nodes.
    if LexborHTMLParser(html).css_first(_AS_DEEP_AS_MAY_BE) is not None:
        of_depth(depth_of(html))


def of_depth(depth: int) -> None:
    """Raise Problem where a tree is deeper than may be."""
    if depth > DEEPEST:
        raise Problem(CODE, DEPTH, most=DEEPEST)


def depth_of(html: str) -> int:
    """Return how deep the parsed tree is; it is walked step by step, without a stack frame for each level."""
    node: Any = LexborHTMLParser(html).root
    depth = deepest = 1 if node is not None else 0
    while depth:
        following = node.first_child
        if following is not None:
            depth += 1
            deepest = max(deepest, depth)
        while (
            following is None and depth > 1
        ):  # never compared with one another: that would compare what they hold
            following = node.next
            if following is None:
                node, depth = node.parent, depth - 1
        if following is None:
            break
        node = following
    return deepest


def of_style_sheets(html: str, tokens: Sequence[Token]) -> None:
    """Raise Problem where inlining would make the page many times as large: what each rule says, times its tags."""
    sheets = [t for t in tokens if t.kind == "raw" and t.name == "style" and not t.in_condition]
    if not sheets:
        return
    tags = _tags(html, tokens)
    added = 0
    for sheet in sheets:
        for block in _CSS_WORDS.sub(_without_braces, html[sheet.start : sheet.end]).split("}"):
            added += _added_by(block, tags)
            if added > MOST_STYLED:
                raise _reached(STYLED, MOST_STYLED, at=sheet.start, html=html)


def _added_by(block: str, tags: Counter[str]) -> int:
    """Return how many characters inlining would add for the rules between two closing braces."""
    *outer, says = block.split("{")
    added = len(says.strip()) * (1 if outer else tags["*"])
    for selectors, inside in pairwise([*outer, says]):
        selectors = selectors.rpartition(";")[2].strip()
        if not selectors.startswith("@"):
            added += len(inside) * sum(_meant(selector, tags) for selector in selectors.split(","))
    return added


def _without_braces(word: re.Match[str]) -> str:
    """Return nothing for a comment, and for a quoted text one as long, without its braces."""
    text = word.group()
    return "" if text.startswith("/*") else "s" * len(text)


def _tags(html: str, tokens: Sequence[Token]) -> Counter[str]:
    """Count the tags that bear each name, class and id; `*` counts all."""
    started = [token for token in tokens if token.kind == "start" and not token.in_condition]
    counted = Counter(token.name for token in started)
    counted["*"] = len(started)
    for token in started:
        for attribute, sign in (("class", "."), ("id", "#")) if token.attributes else ():
            if found := token.attribute(attribute):
                value = references.in_attribute(html[found.value_start : found.value_end])
                for word in value.lower().split():
                    counted[f"{sign}{word}"] += 1
    return counted


def _meant(selector: str, tags: Counter[str]) -> int:
    """Return how many tags a selector can apply to at most, judged by the last of its names."""
    compound = _COMBINATORS.split(selector.rstrip())[-1]
    if not compound or "\\" in compound or "(" in selector or "&" in compound:
        return tags["*"]
    if names := _CLASS_OR_ID.findall(compound):
        return min(tags[name.lower()] for name in names)
    name = _PLAIN_NAME.match(compound)
    return tags[name.group().lower()] if name else tags["*"]


def _reached(text: str, most: int, *, at: int, html: str) -> Problem:
    return Problem(CODE, text, line=html.count("\n", 0, at) + 1, most=most)


@dataclass(slots=True)
class _Written:
    """The tags that stand open, as they are written. A parser sees hardly more of them.

    Tags such as <b> that are open when their paragraph ends are opened again by a parser in each paragraph that
    follows: `repeated` counts those.
    """

    open: list[tuple[str, int]] = field(default_factory=list)  # each with the length of `left` at its opening
    left: list[str] = field(default_factory=list)  # tags that were left open
    sources: list[str] = field(default_factory=list)
    names: Counter[str] = field(default_factory=Counter)
    repeated: int = 0

    def start(self, token: Token, html: str) -> None:
        if token.name in _CLOSED_BY_THE_NEXT:
            at = len(self.open)
            while at and self.open[at - 1][0] in _CLOSED_BY_THE_NEXT:
                at -= 1
                if self.open[at][0] == token.name:
                    self._close_from(at)
                    break
        self.open.append((token.name, len(self.left)))
        self.sources.append(html[token.start : token.end] if token.name in _REOPENING else "")
        self.names[token.name] += 1

    def end(self, name: str) -> None:
        if self.open and self.open[-1][0] == name:  # as most do
            _name, left = self.open.pop()
            if name in _KEEPING:
                del self.left[left:]
            self.sources.pop()
            self.names[name] -= 1
            return
        if not self.names[name]:
            self._forget_left(name)
            return
        blocks = False
        for at in range(len(self.open) - 1, -1, -1):
            found = self.open[at][0]
            if found == name:
                if blocks:
                    self._take_out(at)
                else:
                    self._close_from(at)
                return
            if found in _WALLS and not (name in _TABLE and found != "table"):
                return
            blocks = blocks or (name in _INLINE and found not in _INLINE)

    def _take_out(self, at: int) -> None:
        self.names[self.open[at][0]] -= 1
        del self.open[at], self.sources[at]

    def _close_from(self, at: int) -> None:
        """Close this tag and all inside of it. Formatting tags without an end stay open for what follows."""
        name, left = self.open[at]
        if name in _KEEPING:
            del self.left[left:]
        else:
            for source in self.sources[at + 1 :]:
                if source:
                    self.left.append(source)
        for found, _left in self.open[at:]:
            self.names[found] -= 1
        del self.open[at:], self.sources[at:]

    def _forget_left(self, name: str) -> None:
        for at in range(len(self.left) - 1, -1, -1):
            if re.match(rf"<{re.escape(name)}[\s/>]", self.left[at], re.I):
                del self.left[at]
                return
