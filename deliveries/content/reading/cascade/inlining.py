"""What the rules of style sheets come to for one tag: what it may bear, and what it ends with."""

from collections.abc import Sequence
from dataclasses import dataclass

from deliveries.content.reading.cascade.declarations import Declaration, touch
from deliveries.content.reading.cascade.sheets import Rule

_BEATS_ALL = (1 << 30, 0, 0)


@dataclass(frozen=True)
class Inlined:
    """What a tag bears before and after its own declarations, so that it looks the same with and without style sheets.

    `sheets` are the declarations that style sheets come to where nothing conditional holds, weaker ones first; those
    that are important come last and are stronger than the tag's own.
    """

    before: tuple[Declaration, ...] = ()
    after: tuple[Declaration, ...] = ()
    sheets: tuple[Declaration, ...] = ()


class Cascade:
    """The rules of the style sheets of one page; what they come to is worked out once for each set of them."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._known: dict[tuple[int, ...], Inlined] = {}

    def of(self, matched: tuple[int, ...]) -> Inlined:
        """Return what the rules at these positions come to for a tag that all of them mean."""
        if matched not in self._known:
            self._known[matched] = _inlined([self._rules[at] for at in sorted(matched, key=self._strength)])
        return self._known[matched]

    def _strength(self, at: int) -> tuple[tuple[int, int, int], int]:
        return self._rules[at].selector.specificity or _BEATS_ALL, at


def _inlined(rules: Sequence[Rule]) -> Inlined:
    """What rules come to, weaker ones first.

    An important declaration is inlined as one that isn't: the style sheet, which stays, wins wherever it is read, and
    an important one elsewhere may win over it.
    """
    always = [rule for rule in rules if not rule.is_conditional]
    important = _last_of_each([d for rule in always for d in rule.declarations if d.is_important])
    return Inlined(
        before=tuple(_last_of_each(_surviving(rules))),
        after=tuple(important),
        sheets=(*(d for rule in always for d in rule.declarations if not d.is_important), *important),
    )


def _surviving(rules: Sequence[Rule]) -> list[Declaration]:
    """The declarations but those that a stronger one of a conditional rule changes, or one that must stay behind."""
    surviving: list[Declaration] = []
    behind: set[str] = set()
    for rule in reversed(rules):
        for declaration in reversed(rule.declarations):
            if declaration.is_important:
                continue
            is_behind = any(touch(declaration.name, name) for name in behind)
            if rule.is_conditional or is_behind or declaration.value == "revert-layer":
                behind.add(declaration.name)
            else:
                surviving.append(declaration)
    return surviving[::-1]


def _last_of_each(declarations: Sequence[Declaration]) -> list[Declaration]:
    """The declarations without those that a later one of the same property takes the place of.

    Of several in a row all stay: a program that doesn't know the value of one takes the one before.
    """
    kept: list[Declaration] = []
    stronger: set[str] = set()
    last = ""
    for declaration in reversed(declarations):
        if declaration.name not in stronger or declaration.name == last:
            kept.append(declaration)
        stronger.add(declaration.name)
        last = declaration.name
    return kept[::-1]
