"""The sending plan as a picture: a bar for each moment, as high as its people, on a line of time.

Numbers for an SVG that the page writes itself; the table beside it says the same in words.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from deliveries.schedule.plan_report import Plan, PlanRow

WIDTH, HEIGHT = 640, 150
LEFT, RIGHT, TOP, FLOOR = 8, 8, 18, 118
SMALLEST = 3  # the least height that can be seen
WIDEST = 44


@dataclass(frozen=True)
class Bar:
    row: PlanRow
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Tick:
    x: float
    at: datetime
    anchor: str


@dataclass(frozen=True)
class Drawing:
    bars: list[Bar]
    ticks: list[Tick]
    now_x: float | None
    width: int = WIDTH
    height: int = HEIGHT
    floor: int = FLOOR
    top: int = TOP


def _bar_width(plan: Plan, span: timedelta) -> float:
    """Return the width of a bar: as wide as the two nearest moments allow, so that none hides another."""
    moments = sorted(row.at for row in plan.rows)
    nearest = min((b - a for a, b in pairwise(moments)), default=span)
    return min(WIDEST, max(SMALLEST, (WIDTH - LEFT - RIGHT) * (nearest / span) - 1))


def of(plan: Plan, *, at: datetime) -> Drawing:
    """Return where each bar stands; a day is as wide everywhere, so gaps in time show as gaps."""
    first, last = plan.first.at, plan.last.at
    span = max(last - first, timedelta(minutes=1))
    width = _bar_width(plan, span)
    room = WIDTH - LEFT - RIGHT - width

    def x_of(moment: datetime) -> float:
        return round(LEFT + room * ((moment - first) / span), 1)

    most = max(row.people for row in plan.rows)
    bars = []
    for row in plan.rows:
        height = max(SMALLEST, (FLOOR - TOP) * row.people / most)
        bars.append(Bar(row, x_of(row.at), round(FLOOR - height, 1), round(width, 1), round(height, 1)))
    ticks = (
        [Tick(LEFT, first, "start"), Tick(WIDTH - RIGHT, last, "end")]
        if last > first
        else [Tick(LEFT, first, "start")]
    )
    now_x = x_of(at) + width / 2 if first <= at <= last else None
    return Drawing(bars, ticks, now_x)
