"""The page of one content: its tokens, and what takes the place of what."""

from functools import cached_property

from deliveries.content.merge_tags.scope import Scope
from deliveries.content.merge_tags.segments import MASK, mask
from deliveries.content.reading import bounds, markup
from deliveries.content.reading.markup import Attribute
from deliveries.content.reading.tree import Tree


class Document:
    """A page that is changed without being written anew: edits are kept, and applied at the end.

    `masked` is the page with its merge tags painted over, so that its positions are those of the source. Problem is
    raised where it has more tags, levels or rules of style than may be.
    """

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.masked = mask(scope.source, scope.segments)
        self.tokens = list(markup.tokens(self.masked))
        bounds.of_markup(self.masked, self.tokens)
        bounds.of_tree(self.masked)
        bounds.of_style_sheets(self.masked, self.tokens)
        self.tree = Tree(self.masked, self.tokens, is_said=self._is_said)
        bounds.of_depth(self.tree.depth)
        self._edits: list[tuple[int, int, str]] = []

    @property
    def has_moving_tags(self) -> bool:
        """Whether a condition may leave tags out."""
        return any(
            segment.kind == "if"
            for number in self.tagged
            if (token := self.tokens[number]).kind in ("text", "comment")
            for segment, _text in self.scope.between(token.start, token.end)
        )

    @cached_property
    def tagged(self) -> frozenset[int]:
        """The numbers of the tokens that merge tags stand in."""
        masked = self.masked
        if MASK not in masked:
            return frozenset()
        return frozenset(
            number for number, token in enumerate(self.tokens) if MASK in masked[token.start : token.end]
        )

    def _is_said(self, start: int, end: int) -> bool:
        return any(segment.kind in ("output", "raw") for segment, _text in self.scope.between(start, end))

    def value(self, attribute: Attribute) -> str:
        """Return an attribute's value as written."""
        return self.scope.source[attribute.value_start : attribute.value_end]

    def masked_value(self, attribute: Attribute) -> str:
        """Return an attribute's value with its merge tags painted over."""
        return self.masked[attribute.value_start : attribute.value_end]

    def replace(self, start: int, end: int, template: str) -> None:
        """Put the template in place of what stands between two positions; nothing takes it out."""
        self._edits.append((start, end, template))

    def insert(self, at: int, template: str) -> None:
        """Put the template in front of a position."""
        self._edits.append((at, at, template))

    def set_value(self, attribute: Attribute, template: str) -> None:
        """Give an attribute another value, in double quotes."""
        outer = 1 if attribute.quote else 0
        self.replace(attribute.value_start - outer, attribute.value_end + outer, f'"{template}"')

    def start_of_body(self) -> int:
        """Return the position behind the tag that opens the body, or the page."""
        for name in ("body", "html"):
            for token in self.tokens:
                if token.kind == "start" and token.name == name and not token.in_condition:
                    return token.end
        return 0

    def end_of_body(self) -> int:
        """Return the position of the tag that closes the body, or the page; else the end."""
        for name in ("body", "html"):
            for token in reversed(self.tokens):
                if token.kind == "end" and token.name == name and not token.in_condition:
                    return token.start
        return len(self.scope.source)

    def masked_remainder(self) -> str:
        """Return the masked page without what was taken out."""
        left, at = [], 0
        for start, end, replacement in self._in_order():
            if not replacement:
                left.append(self.masked[at:start])
                at = end
        return "".join([*left, self.masked[at:]])

    def template(self) -> str:
        """Return the page as a template, with all edits."""
        pieces: list[str] = []
        at = 0
        for start, end, replacement in self._in_order():
            pieces += [self.scope.template(at, start), replacement]
            at = end
        pieces.append(self.scope.template(at))
        return "".join(pieces)

    def _in_order(self) -> list[tuple[int, int, str]]:
        return sorted(self._edits, key=lambda edit: edit[:2])
