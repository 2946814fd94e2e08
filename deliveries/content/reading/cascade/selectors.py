"""A selector, as a matcher is asked for it, and how specific it is.

What depends on a moment (`:hover`), on a recipient's values, or on what this doesn't know, is left out of the question:
it then means at least the tags that its author meant, and isn't certain.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import tinycss2

from deliveries.content.merge_tags.segments import MASK

Specificity = tuple[int, int, int]
MOST_PARTS = 200  # simple selectors and combinators of one selector

_OF_PLACE = frozenset(
    "first-child last-child only-child first-of-type last-of-type only-of-type empty".split()
)
_OF_NUMBERED_PLACE = frozenset("nth-child nth-last-child nth-of-type nth-last-of-type".split())
_OF_A_MOMENT = frozenset(
    "hover active focus focus-visible focus-within link visited any-link target checked disabled enabled "
    "required optional valid invalid read-only read-write placeholder-shown default indeterminate".split()
)
_PARTS_OF_A_TAG = frozenset("before after first-line first-letter".split())  # with one colon or two
_COMBINATORS = frozenset(">+~")


@dataclass(frozen=True)
class Page:
    """What is known of the page whose tags a selector means."""

    has_moving_tags: bool = False  # a condition may leave tags out
    has_open_names: bool = False  # a class or an id depends on the recipient
    is_quirky: bool = False  # names of classes and ids are the same in small and in capital letters


@dataclass(frozen=True)
class Selector:
    """`text` is for the matcher; `specificity` is None where it isn't known."""

    text: str
    specificity: Specificity | None
    is_certain: bool
    attributes: frozenset[str] = frozenset()  # that the question looks at
    styles: tuple[tuple[str, str], ...] = ()  # operator and value of each look at a style attribute


EVERYTHING = Selector("*", None, False)


def read(prelude: Sequence[Any], page: Page) -> tuple[list[Selector], bool]:
    """Return the selectors of a rule, without those of parts of tags such as ::before, and whether all are known.

    Browsers drop a rule of which one selector isn't known to them.
    """
    found, are_known = [], True
    for tokens in _parted(prelude):
        reader = _Reader(page)
        selector = reader.read(tokens)
        are_known = are_known and reader.is_known
        if selector:
            found.append(selector)
    return found, are_known


def _parted(prelude: Sequence[Any]) -> Iterator[list[Any]]:
    part: list[Any] = []
    for token in prelude:
        if token.type == "literal" and token.value == ",":
            yield part
            part = []
        elif token.type != "comment":
            part.append(token)
    yield part


@dataclass
class _Reader:
    """Reads one selector."""

    page: Page
    compounds: list[str] = field(default_factory=lambda: [""])
    specificity: list[int] = field(default_factory=lambda: [0, 0, 0])
    attributes: set[str] = field(default_factory=set)
    styles: list[tuple[str, str]] = field(default_factory=list)
    is_certain: bool = True
    is_ranked: bool = True
    is_known: bool = True
    is_of_a_part: bool = False
    _is_apart: bool = False  # white space, or another combinator, stands before what follows
    _combinator: str = ""

    def read(self, tokens: Sequence[Any]) -> Selector | None:
        """Return the selector; None where it means a part of a tag only."""
        tokens = _stripped(tokens)
        if not tokens or len(tokens) > MOST_PARTS:
            self.is_known = False
            return EVERYTHING
        at = 0
        while at < len(tokens) and self.is_known:
            at += self._part(tokens, at)
        if not self.is_known:
            return EVERYTHING
        if self.is_of_a_part:
            return None
        return Selector(
            "".join(self.compounds) if self.compounds[-1] else "".join(self.compounds) + "*",
            tuple(self.specificity) if self.is_ranked else None,  # type: ignore[arg-type]  # three numbers
            self.is_certain,
            frozenset(self.attributes),
            tuple(self.styles),
        )

    def _part(self, tokens: Sequence[Any], at: int) -> int:
        """Read what begins here, and return of how many tokens it is."""
        token = tokens[at]
        if token.type == "whitespace":
            self._is_apart = True
            return 1
        if token.type == "literal" and token.value in _COMBINATORS:
            self._is_apart, self._combinator = True, token.value
            return 1
        self._begin_compound()
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if token.type == "ident" or token == "*":
            return self._name("", token, 2)
        if token.type == "hash":
            return self._name("#", token, 0)
        if token == "." and following is not None and following.type == "ident":
            return 1 + self._name(".", following, 1)
        if token.type == "[] block":
            return self._attribute(token)
        if token == ":":
            return self._colon(tokens, at)
        self.is_known = False
        return 1

    def _begin_compound(self) -> None:
        if not self._is_apart:
            return
        combinator, self._combinator, self._is_apart = self._combinator, "", False
        if self.is_of_a_part:
            self.is_known = False
        if self.page.has_open_names or (self.page.has_moving_tags and combinator in ("+", "~")):
            self.is_certain = False
            self.compounds = [""]
            return
        self.compounds[-1] = self.compounds[-1] or "*"
        self.compounds += [f" {combinator} " if combinator else " ", ""]

    def _name(self, sign: str, token: Any, place: int) -> int:
        if token.type == "literal":  # the star
            self.compounds[-1] += "*"
            return 1
        self.specificity[place] += 1
        if MASK in token.value:
            self.is_certain = False
        elif sign:
            name = token.value.lower() if self.page.is_quirky else token.value
            self.attributes.add("class" if sign == "." else "id")
            self.compounds[-1] += sign + tinycss2.serializer.serialize_identifier(name)
        else:
            self.compounds[-1] += token.serialize()
        return 1

    def _attribute(self, block: Any) -> int:
        self.specificity[1] += 1
        parts = [token for token in block.content if token.type not in ("whitespace", "comment")]
        if not parts or parts[0].type != "ident":
            self.is_known = False
        elif MASK in block.serialize():
            self.is_certain = False
        else:
            name = parts[0].lower_value
            self.attributes.add(name)
            self.compounds[-1] += block.serialize()
            if name == "style":
                operator = "".join(token.value for token in parts[1:] if token.type == "literal")
                value = next((token.value for token in parts[1:] if token.type in ("string", "ident")), "")
                self.styles.append((operator, value))
        return 1

    def _colon(self, tokens: Sequence[Any], at: int) -> int:
        following = tokens[at + 1] if at + 1 < len(tokens) else None
        if following == ":":
            return self._part_of_a_tag(tokens[at + 2] if at + 2 < len(tokens) else None)
        if following is None or following.type not in ("ident", "function"):
            self.is_known = False
            return 1
        name = following.lower_value if following.type == "ident" else following.lower_name
        if following.type == "ident" and name in _PARTS_OF_A_TAG:
            self.specificity[2] += 1
            self.is_of_a_part = True
        else:
            self._pseudo_class(name, following)
        return 2

    def _part_of_a_tag(self, token: Any) -> int:
        self.is_of_a_part = True
        name = getattr(token, "lower_value", "")
        self.is_known = name in _PARTS_OF_A_TAG or name.startswith("-webkit-")
        return 3

    def _pseudo_class(self, name: str, token: Any) -> None:
        self.specificity[1] += 1
        of_place = token.type == "ident" and name in _OF_PLACE
        of_place = of_place or (
            token.type == "function"
            and name in _OF_NUMBERED_PLACE
            and not any(part == "of" for part in token.arguments if part.type == "ident")
        )
        if of_place and not self.page.has_moving_tags:
            self.compounds[-1] += ":" + token.serialize()
        elif token.type == "ident" and name == "root":
            self.compounds[-1] += ":root"
        elif of_place or (token.type == "ident" and name in _OF_A_MOMENT):
            self.is_certain = False
        elif token.type == "function":
            self.is_certain = self.is_ranked = False
        else:
            self.is_known = False


def _stripped(tokens: Sequence[Any]) -> Sequence[Any]:
    first, last = 0, len(tokens)
    while first < last and tokens[first].type == "whitespace":
        first += 1
    while last > first and tokens[last - 1].type == "whitespace":
        last -= 1
    return tokens[first:last]
