"""Which properties set one another: a declaration of one may change what another one said."""

from dataclasses import dataclass
from functools import lru_cache

_SETS_ALL = "all"
# Properties that are set together under names of which none begins with another's.
_TOGETHER = {
    name: group
    for group, names in {
        "inset": "top right bottom left",
        "text": "font line-height",
        "wrap": "word-wrap overflow-wrap",
        "white": "white-space white-space-collapse text-wrap text-wrap-mode text-wrap-style",
        "size": "inline-size block-size width height",
        "least": "min-inline-size min-block-size min-width min-height",
        "most": "max-inline-size max-block-size max-width max-height",
    }.items()
    for name in names.split()
}
_FAMILIES = tuple(
    "border inset flex grid place align justify column overflow text-decoration animation transition mask "
    "scroll-margin scroll-padding".split()
)
_APART = frozenset({"border-collapse", "border-spacing"})
_GAPS = frozenset("gap row-gap column-gap grid-gap grid-row-gap grid-column-gap columns".split())
_PREFIXES = ("-webkit-", "-moz-", "-ms-", "-o-")


@dataclass(frozen=True)
class Declaration:
    """One declaration of a style sheet; `name` is in lower case."""

    name: str
    value: str
    is_important: bool

    def __str__(self) -> str:
        return f"{self.name}: {self.value};"


@lru_cache(maxsize=4_096)
def touch(one: str, other: str) -> bool:
    """Whether a declaration of one property may change what a declaration of the other said."""
    one, other = _plain(one), _plain(other)
    if one == other or _SETS_ALL in (one, other):
        return True
    if one.startswith("--") or other.startswith("--"):
        return False
    if one.startswith(other + "-") or other.startswith(one + "-"):
        return True
    if {one, other} <= _APART:
        return False
    return _is_flow_relative(one, other) or bool(_group(one) & _group(other))


def _is_flow_relative(one: str, other: str) -> bool:
    """Whether one is a side of the other's box by the direction of writing, as margin-inline-start may be."""
    box = one.partition("-")[0]
    if box not in ("margin", "padding") or box != other.partition("-")[0]:
        return False
    return any(way in name for way in ("-inline", "-block") for name in (one, other))


def _plain(name: str) -> str:
    for prefix in _PREFIXES:
        if name.startswith(prefix):
            return name[len(prefix) :]
    return name


def _group(name: str) -> frozenset[str]:
    groups = {_TOGETHER[name]} if name in _TOGETHER else set()
    if name not in _APART:
        groups |= {family for family in _FAMILIES if name == family or name.startswith(family + "-")}
    if name in _GAPS:
        groups |= {"gap"}
    return frozenset(groups)
