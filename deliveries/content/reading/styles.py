"""The style sheets of a page, and for each tag what they come to: for programs that drop style sheets."""

import re
from collections.abc import Iterator, Sequence
from html import escape

from deliveries.content import references
from deliveries.content.merge_tags.segments import MASK
from deliveries.content.reading.cascade import sheets
from deliveries.content.reading.cascade.inlining import Cascade, Inlined
from deliveries.content.reading.cascade.matching import Matches, matches_of
from deliveries.content.reading.cascade.selectors import Page
from deliveries.content.reading.cascade.sheets import Rule, Sheet
from deliveries.content.reading.markup import Token
from deliveries.content.reading.tree import Tree

_INVISIBLE = frozenset("html head meta title style script link base br".split())
_QUIRKY = re.compile(r"<!doctype\s+html\s+public\s+[\"']-//(?:ietf|w3c)//dtd html (?:2|3|4\.0)", re.I)
_UNFIT = re.compile(r"[\x00-\x1f\x7f]")
_NOTHING = Inlined()


class Styles:
    """What the style sheets of one page come to for each of its tags, by the number of its token.

    Raise Problem where the style sheets take too long to apply.
    """

    def __init__(self, masked: str, tokens: Sequence[Token], tree: Tree, *, has_moving_tags: bool) -> None:
        self._masked, self._tokens = masked, tokens
        self._rules = self._read_rules(has_moving_tags)
        self._looks = {look for rule in self._rules for look in rule.selector.styles}
        self._matches: Matches = matches_of(self._rules, tree) if self._rules else {}
        self._cascade = Cascade(self._rules)

    def matched(self, number: int) -> tuple[int, ...]:
        """Return the positions of the rules that mean a tag: where they are the same, `of` is."""
        return self._matches.get(number, ())

    def of(self, number: int) -> Inlined:
        """Return what the style sheets come to for a tag."""
        matched = self.matched(number)
        return self._cascade.of(matched) if matched else _NOTHING

    def around(self, number: int) -> tuple[str, str]:
        """Return what is inlined in front of a tag's own style, and behind it."""
        token = self._tokens[number]
        inlined = self.of(number)
        if not (inlined.before or inlined.after) or token.name in _INVISIBLE or self._is_open(token):
            return "", ""
        own = self.own(token)
        weaker, stronger = _names(own), _important_names(own)
        before = "".join(str(one) for one in inlined.before if one.name not in weaker)
        after = "".join(str(one) for one in inlined.after if one.name not in stronger)
        if self._looks and any(
            _sees(look, own) != _sees(look, joined(before, own, after)) for look in self._looks
        ):
            return "", ""
        return before, after

    def own(self, token: Token) -> str:
        """Return the style that a tag bears itself."""
        style = token.attribute("style")
        if not style:
            return ""
        return references.in_attribute(self._masked[style.value_start : style.value_end])

    def _read_rules(self, has_moving_tags: bool) -> list[Rule]:
        found = list(self._sheets())
        if not found:
            return []
        page = Page(
            has_moving_tags=has_moving_tags,
            has_open_names=any(map(self._is_open, self._tokens)),
            is_quirky=self._is_quirky(),
        )
        try:
            rules = sheets.rules_of(found, page)
        except sheets.Unreadable:
            return []
        return rules if any(not rule.is_conditional for rule in rules) else []

    def _sheets(self) -> Iterator[Sheet]:
        within: list[str] = []
        before: Token | None = None
        for token in self._tokens:
            if token.in_condition:
                continue
            if token.name in ("noscript", "template"):
                within = [*within, token.name] if token.kind == "start" else within[:-1]
            if token.kind == "raw" and token.name == "style" and before and self._is_css(before):
                media = self._value(before, "media").strip().lower()
                is_conditional = media not in ("", "all") or bool(within)
                yield Sheet(self._masked[token.start : token.end], is_conditional)
            before = token

    def _is_css(self, tag: Token) -> bool:
        return self._value(tag, "type").strip().lower() in ("", "text/css") or MASK in self._value(
            tag, "type"
        )

    def _value(self, tag: Token, name: str) -> str:
        found = tag.attribute(name)
        return references.in_attribute(self._masked[found.value_start : found.value_end]) if found else ""

    def _is_open(self, tag: Token) -> bool:
        """Whether it depends on the recipient which selectors mean this tag."""
        if tag.kind != "start" or MASK not in self._masked[tag.start : tag.end]:
            return False
        rest = self._masked[tag.start : tag.end]
        for attribute in reversed(tag.attributes):
            if attribute.has_value and attribute.name not in ("class", "id"):
                first, last = attribute.value_start - tag.start, attribute.value_end - tag.start
                rest = rest[:first] + rest[last:]
        return MASK in rest

    def _is_quirky(self) -> bool:
        first = next((t for t in self._tokens if t.kind in ("declaration", "start")), None)
        if first is None or first.kind == "start":
            return True
        written = self._masked[first.start : first.end]
        return not written.lower().startswith("<!doctype") or bool(_QUIRKY.match(written))


def attribute(style: str) -> str:
    """Return a style as the value of an attribute in double quotes."""
    return escape(_UNFIT.sub(" ", style), quote=False).replace('"', "&quot;")


def joined(before: str, own: str, after: str) -> str:
    """Return a style of what is inlined and of what was there."""
    apart = ";" if own.strip() and after and not own.rstrip().endswith(";") else ""
    return before + own + apart + after


def _sees(look: tuple[str, str], style: str) -> bool:
    """Whether an attribute selector means a tag with this style."""
    operator, value = look
    if not operator:
        return bool(style)
    if operator == "=":
        return style == value
    if operator == "*=":
        return bool(value) and value in style
    if operator == "^=":
        return bool(value) and style.startswith(value)
    if operator == "$=":
        return bool(value) and style.endswith(value)
    return value in re.split(r"[\s-]", style)


def _names(style: str) -> frozenset[str]:
    return (
        frozenset(part.partition(":")[0].strip().lower() for part in style.split(";"))
        if style
        else frozenset()
    )


def _important_names(style: str) -> frozenset[str]:
    if "!" not in style:
        return frozenset()
    return frozenset().union(*(_names(part) for part in style.split(";") if "!" in part))
