"""The rules that mean each tag of a page, as the inliner finds them: it is asked for numbers, never for styles."""

import re
from collections.abc import Sequence

from deliveries.content.reading import inliner
from deliveries.content.reading.cascade.sheets import Rule
from deliveries.content.reading.tree import NUMBER, Tree

_NAME = "--sinete-rule-"
_TAG = re.compile(r'<[A-Za-z][^\s/>]*+([^>"]*+(?:"[^"]*+"[^>"]*+)*+)>')
_NUMBER = re.compile(rf' {NUMBER}="(\d+)"')
_HAS_STYLE = ' style="'
_STYLE = re.compile(r' style="([^"]*)"')
_RULE = re.compile(rf"{_NAME}(\d+)")
Matches = dict[int, tuple[int, ...]]


def matches_of(rules: Sequence[Rule], tree: Tree) -> Matches:
    """Return, by the number of a tag, the positions of the rules that mean it, in order.

    A tag that a parser makes several tags of, of which rules mean some only, and a page that the inliner doesn't read,
    have none. Raise Problem where it takes too long.
    """
    sheet = "".join(f"{rule.selector.text}{{{_NAME}{at}:1}}" for at, rule in enumerate(rules))
    attributes = frozenset().union(*(rule.selector.attributes for rule in rules))
    page = tree.skeleton(attributes, head=f"<style>{sheet}</style>")
    inlined = inliner.inlined(page, sheets=sheet, tags=tree.size)
    numbers = _NUMBER.findall(inlined or "")
    is_one_each = len(set(numbers)) == len(numbers)
    found: Matches = {}
    for written in _TAG.findall(inlined or ""):
        if is_one_each and _HAS_STYLE not in written:
            continue
        if not (numbered := _NUMBER.search(written)):
            continue
        number, style = int(numbered.group(1)), _STYLE.search(written)
        matched = tuple(sorted(map(int, _RULE.findall(style.group(1))))) if style else ()
        if found.setdefault(number, matched) != matched:
            found[number] = ()
    return found
