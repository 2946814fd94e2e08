"""What a reader sees of a page, where no rule for some screens or moments holds: not what is hidden, tiny or pale."""

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

import tinycss2.color3

from deliveries.content.merge_tags.segments import MASK
from deliveries.content.reading.markup import Token
from deliveries.content.reading.styles import Styles
from deliveries.content.reading.tree import Tree

SMALLEST = 1.0  # pixels of a letter that nobody reads any more
FARTHEST = -900.0  # pixels beside the window
Colour = tuple[int, int, int] | None  # None: not known, or a picture
_CLEAR: Colour = (-1, -1, -1)

_UNSHOWN = frozenset({"head", "template", "title", "style", "script", "object", "datalist"})
_WITHOUT_HEIGHT = frozenset(
    "a abbr b big cite code em font i label q s small span strong sub sup u table tbody td tfoot th thead tr".split()
)
_SHOWING = ("hidden", "bgcolor", "background", "color")
_NO_ATTRIBUTES = ("", "", "", "")
_DECLARATION = re.compile(r"(?<![A-Za-z-])([A-Za-z-]++)\s*+:\s*+([^;]+)")
_NUMBER = re.compile(r"([-+]?(?:\d+\.?\d*|\.\d+))([a-z%]*)")
_PIXELS = {
    "": 1.0,
    "px": 1.0,
    "pt": 4 / 3,
    "pc": 16.0,
    "in": 96.0,
    "cm": 37.8,
    "mm": 3.78,
    "rem": 16.0,
    "vw": 6.0,
}
_TO_SIDES = ("left", "top", "text-indent", "margin-left", "margin-top")


class Look(NamedTuple):
    """How a tag shows what stands in it. `is_gone` holds for all within; the others until a tag says otherwise."""

    is_gone: bool = False
    is_invisible: bool = False
    is_tiny: bool = False
    colour: Colour = (0, 0, 0)
    ground: Colour = (255, 255, 255)

    @property
    def shows_pictures(self) -> bool:
        return not (self.is_gone or self.is_invisible)

    @property
    def shows_words(self) -> bool:
        is_pale = self.colour == _CLEAR or (self.colour is not None and self.colour == self.ground)
        return self.shows_pictures and not self.is_tiny and not is_pale


_BARE = Look()  # of a page around all of its tags


class Visibility:
    """What is seen of one page, by the numbers of its tokens."""

    def __init__(self, masked: str, tokens: Sequence[Token], tree: Tree, styles: Styles) -> None:
        self._masked, self._tokens, self._tree, self._styles = masked, tokens, tree, styles
        self._looks: dict[int, Look] = {}
        self._known: dict[tuple[object, ...], Look] = {}
        self._shown: dict[int | None, bool] = {}  # by the tag around

    def shows_words(self, number: int) -> bool:
        """Whether a reader sees the words of a text, or those in a tag."""
        around = self._tree.around.get(number)
        shown = self._shown.get(around)
        if shown is None:
            shown = self._shown[around] = self._look_around(number).shows_words
        return shown

    def shows_picture(self, number: int) -> bool:
        """Whether a reader sees a picture, or in its place its alternative text."""
        if not self._look_around(number).shows_pictures or not self._look(number).shows_pictures:
            return False
        said = self._said(number)
        written = self._attributes(number, ("width", "height"))
        sizes = (said.get("width", "") or written[0], said.get("height", "") or written[1])
        return not any(map(_is_a_speck, sizes))

    def _look_around(self, number: int) -> Look:
        around = self._tree.around.get(number)
        if around is None:  # a parser leaves it out
            return Look(is_gone=True)
        return self._look(around) if around >= 0 else _BARE

    def _look(self, number: int) -> Look:
        if number in self._looks:
            return self._looks[number]
        outer, look = [number], _BARE
        for at in self._tree.outwards(number):
            if at in self._looks:
                look = self._looks[at]
                break
            outer.append(at)
        for inner in reversed(outer):
            look = self._looks[inner] = self._within(look, inner)
        return look

    def _within(self, look: Look, number: int) -> Look:
        token = self._tokens[number]
        if not token.attributes and not self._styles.matched(number):
            return self._bare(look, token.name)
        attributes = self._attributes(number, _SHOWING) if token.attributes else _NO_ATTRIBUTES
        # Every look is kept here or by its tag, so that its identity tells it.
        key = (id(look), token.name, attributes, self._styles.matched(number), self._styles.own(token))
        if key not in self._known:
            self._known[key] = _look_of(look, token.name, attributes, self._said(number))
        return self._known[key]

    def _bare(self, look: Look, name: str) -> Look:
        key = (id(look), name)
        if key not in self._known:
            self._known[key] = _look_of(look, name, _NO_ATTRIBUTES, {})
        return self._known[key]

    def _said(self, number: int) -> dict[str, str]:
        """What style sheets and the tag's own style come to, by property."""
        sheets = self._styles.of(number).sheets
        own = list(_declared(self._styles.own(self._tokens[number])))
        said: dict[str, str] = {}
        for declarations in (
            [(one.name, one.value.lower()) for one in sheets if not one.is_important],
            own,
            [(one.name, one.value.lower()) for one in sheets if one.is_important],
            [(name, value) for name, value in own if "!" in value],
        ):
            for name, value in declarations:
                said.pop(name, None)  # the last one stands last: `font` may follow `font-size`
                said[name] = value.partition("!")[0].strip()
        return said

    def _attributes(self, number: int, names: tuple[str, ...]) -> tuple[str, ...]:
        """The values of these attributes of a tag in small letters; the name itself for one without a value."""
        found = dict.fromkeys(names, "")
        for one in reversed(self._tokens[number].attributes):
            if one.name in found:
                value = (
                    self._masked[one.value_start : one.value_end].strip().lower()
                    if one.has_value
                    else one.name
                )
                found[one.name] = value
        return tuple(found.values())


def _declared(style: str) -> Iterator[tuple[str, str]]:
    for name, value in _DECLARATION.findall(style):
        yield name.lower(), value.strip().lower()


def _look_of(look: Look, name: str, attributes: tuple[str, ...], said: dict[str, str]) -> Look:
    hidden, ground, picture, colour = attributes
    is_gone = look.is_gone or name in _UNSHOWN or _is_gone(name, said, hidden=bool(hidden))
    visible = said.get("visibility", "")
    is_invisible = (
        visible in ("hidden", "collapse") if visible and visible != "inherit" else look.is_invisible
    )
    known, under = look.colour, _ground(look.ground, ground, picture, said)
    if name == "a":
        known = None  # of the program that shows it
    if name == "font" and colour:
        known = _colour(colour)
    if "color" in said and said["color"] not in ("inherit", "unset", "currentcolor"):
        known = _CLEAR if _is_clear(said["color"]) else _colour(said["color"])
    return Look(is_gone, is_invisible, _is_tiny(look.is_tiny, said), known, under)


def _is_gone(name: str, said: dict[str, str], *, hidden: bool) -> bool:
    display = said.get("display", "none" if hidden else "")
    if display == "none" or _is_zero(said.get("opacity", "")):
        return True
    if "hidden" in said.get("overflow", "") or "clip" in said.get("overflow", ""):
        has_height = name not in _WITHOUT_HEIGHT or "block" in display
        sizes = ("height", "max-height", "width", "max-width")
        if has_height and any(_is_zero(said.get(size, "")) for size in sizes):
            return True
    if said.get("clip", "").replace(" ", "").startswith(("rect(0,0,0,0", "rect(0000", "rect(0px")):
        return True
    return any(_pixels(said[side]) < FARTHEST for side in _TO_SIDES if side in said)


def _is_tiny(was_tiny: bool, said: dict[str, str]) -> bool:
    for name in reversed(said):
        if name == "font-size" or (name == "font" and said[name] not in ("inherit", "unset")):
            value = said[name]
            size = _NUMBER.search(value)
            if MASK in value or size is None:
                return was_tiny and value in ("inherit", "unset", "larger", "smaller")
            if size.group(2) in ("em", "%", "ex", "ch"):
                return was_tiny or float(size.group(1)) == 0
            return _pixels(size.group()) <= SMALLEST
    return was_tiny


def _ground(around: Colour, attribute: str, picture: str, said: dict[str, str]) -> Colour:
    ground = None if picture else _colour(attribute) if attribute else around
    for name, value in said.items():
        if name == "background-image" and value != "none":
            ground = None
        elif name == "background-color":
            ground = ground if value == "transparent" else _colour(value)
        elif name == "background":
            words = [] if "(" in value and "rgb" not in value else [value, *value.split()]
            colours = [_colour(word) for word in words if word not in ("none", "transparent")]
            is_clear = value in ("none", "transparent")
            ground = ground if is_clear else next((colour for colour in colours if colour), None)
    return ground


def _is_clear(value: str) -> bool:
    return value == "transparent" or bool(re.fullmatch(r"rgba\([^()]*[,/]\s*0(?:\.0*)?%?\s*\)", value))


@lru_cache(maxsize=2_048)
def _colour(value: str) -> Colour:
    """Return the colour that a value names; nothing where it isn't known, or something shines through it."""
    if re.fullmatch(r"[0-9a-f]{6}", value):
        value = "#" + value
    try:
        found = tinycss2.color3.parse_color(value)
    except (ValueError, RecursionError):
        return None
    if found is None or isinstance(found, str) or found.alpha < 1:
        return None
    return round(found.red * 255), round(found.green * 255), round(found.blue * 255)


def _is_zero(value: str) -> bool:
    number = _NUMBER.fullmatch(value)
    return number is not None and float(number.group(1)) == 0


def _is_a_speck(size: str) -> bool:
    number = _NUMBER.fullmatch(size)
    return number is not None and float(number.group(1)) <= (0 if number.group(2) == "%" else 1)


def _pixels(value: str) -> float:
    number = _NUMBER.match(value)
    return float(number.group(1)) * _PIXELS.get(number.group(2), 10.0) if number else 16.0
