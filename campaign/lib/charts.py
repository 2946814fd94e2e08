"""Columns on a line of time, in numbers for an SVG that a page writes itself (`_chart.html`).

Colours come by class from the design system, so a chart follows light and dark; the table beside it says the same.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from django.utils.formats import number_format

WIDTH, HEIGHT = 640, 150
LEFT, RIGHT, TOP, FLOOR = 8, 8, 18, 118
SMALLEST = 3.0  # the least height that can be seen
MOST_TICKS = 4
LONGEST_TICK = 16  # letters; the table beside has the whole name
TICK_WIDTH = 112  # at most, of a name that long: what has less room ends where its place does
GAP = 0.25  # of the place of a column
LABELS_AT = HEIGHT - 12


@dataclass(frozen=True)
class Series:
    """What the columns of one colour are."""

    label: str
    tone: str


@dataclass(frozen=True)
class Place:
    """One place on the line: what it is called, and a number for each series."""

    label: str
    numbers: tuple[int, ...]


@dataclass(frozen=True)
class Bar:
    """A column, and what is said on pointing at it."""

    x: float
    y: float
    width: float
    height: float
    title: str
    tone: str = ""


@dataclass(frozen=True)
class Tick:
    """What stands below the line."""

    x: float
    text: str
    anchor: str = "middle"


@dataclass(frozen=True)
class Chart:
    """A drawing. `name` tells it from the others of its page, `mark` is where a line across it says *now*."""

    name: str
    title: str
    description: str
    bars: list[Bar]
    ticks: list[Tick]
    series: Sequence[Series] = ()
    most: str = ""  # the number of the highest column; empty: it isn't said
    mark: float | None = None
    width: int = field(default=WIDTH, init=False)
    height: int = field(default=HEIGHT, init=False)
    floor: int = field(default=FLOOR, init=False)
    top: int = field(default=TOP, init=False)
    labels_at: int = field(default=LABELS_AT, init=False)


def bar(x: float, width: float, number: int, *, most: int, title: str, tone: str = "") -> Bar:
    """A column that is as high as its number beside the greatest."""
    height = max(SMALLEST, (FLOOR - TOP) * number / max(most, 1))
    return Bar(round(x, 1), round(FLOOR - height, 1), round(width, 1), round(height, 1), title, tone)


def _shown(number: int) -> str:
    return number_format(number, 0, force_grouping=True)


def columns(
    places: Sequence[Place], *, series: Sequence[Series], name: str, title: str, description: str,
    shown: Callable[[int], str] = _shown,
) -> Chart:  # fmt: skip
    """Places of the same width side by side, a column for each number that isn't 0; `shown` writes a number."""
    most = max((number for place in places for number in place.numbers), default=0)
    step = (WIDTH - LEFT - RIGHT) / max(len(places), 1)
    width = step * (1 - GAP) / max(len(series), 1)
    bars = [
        bar(
            LEFT + step * (at + GAP / 2) + width * nth, width, number,
            most=most, title=f"{place.label}: {shown(number)} {kind.label}", tone=kind.tone,
        )
        for at, place in enumerate(places)
        for nth, (kind, number) in enumerate(zip(series, place.numbers, strict=True))
        if number
    ]  # fmt: skip
    return Chart(name, title, description, bars, _ticks(places, step), series, shown(most) if most else "")


def _ticks(places: Sequence[Place], step: float) -> list[Tick]:
    """The names of a few places, as far from one another as the names need."""
    each = -(-len(places) // MOST_TICKS)
    return [
        _tick(LEFT + step * at, LEFT + step * (at + 1), place.label)
        for at, place in enumerate(places)
        if each and at % each == 0
    ]


def _tick(begins: float, ends: float, label: str) -> Tick:
    text = label if len(label) <= LONGEST_TICK else f"{label[: LONGEST_TICK - 1]}…"
    if begins + TICK_WIDTH > WIDTH:
        return Tick(round(ends, 1), text, "end")
    return Tick(round(begins, 1), text, "start")
