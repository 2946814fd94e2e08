"""What stands in front of the items of lists in a text part."""

from collections.abc import Sequence

from deliveries.content.merge_tags.scope import Scope
from deliveries.content.reading.markup import Token
from deliveries.content.reading.tree import Tree

BULLET = "- "
_LARGEST = 10**9


class Numbers:
    """The numbers of the items of one page, counted in the order in which they are asked for."""

    def __init__(self, scope: Scope, tokens: Sequence[Token], tree: Tree) -> None:
        self._scope, self._tokens, self._tree = scope, tokens, tree
        self._next: dict[int, int] = {}

    def of(self, number: int) -> str:
        """Return the mark of an item, with a space behind it: a number where its list is numbered."""
        lists = (
            at for at in self._tree.outwards(number) if self._tokens[at].name in ("ol", "ul", "menu", "dir")
        )
        around = next(lists, -1)
        if around < 0 or self._tokens[around].name != "ol":
            return BULLET
        value = self._number(number, "value")
        if value is None:
            value = self._next.get(around)
        if value is None:
            value = self._first(around)
        self._next[around] = value - 1 if self._is_reversed(around) else value + 1
        return f"{_written(value, self._value(around, 'type'))}. "

    def _first(self, around: int) -> int:
        start = self._number(around, "start")
        if start is not None:
            return start
        return self._items_of(around) if self._is_reversed(around) else 1

    def _items_of(self, around: int) -> int:
        return sum(
            token.name == "li" and token.kind == "start" and self._tree.around.get(number) == around
            for number, token in enumerate(self._tokens)
        )

    def _is_reversed(self, number: int) -> bool:
        return any(attribute.name == "reversed" for attribute in self._tokens[number].attributes)

    def _number(self, number: int, name: str) -> int | None:
        written = self._value(number, name)
        digits = written.removeprefix("-").removeprefix("+")
        if not (digits.isascii() and digits.isdigit() and len(digits) < 10):
            return None
        return int(written)

    def _value(self, number: int, name: str) -> str:
        found = self._tokens[number].attribute(name)
        return self._scope.source[found.value_start : found.value_end].strip() if found else ""


def _written(value: int, kind: str) -> str:
    if kind in ("a", "A") and 0 < value < _LARGEST:
        letters = ""
        while value:
            value, rest = divmod(value - 1, 26)
            letters = chr(ord(kind) + rest) + letters
        return letters
    if kind in ("i", "I") and 0 < value < 4_000:
        return _roman(value) if kind == "I" else _roman(value).lower()
    return str(value)


def _roman(value: int) -> str:
    signs = zip(
        (1000, 900, 500, 400, 100, 90, 50, 40, 10, 9, 5, 4, 1),
        "M CM D CD C XC L XL X IX V IV I".split(),
        strict=True,
    )
    written = ""
    for worth, sign in signs:
        count, value = divmod(value, worth)
        written += sign * count
    return written
