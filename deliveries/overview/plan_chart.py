"""The sending plan as a picture: a bar for each moment, as high as its people, on a line of time."""

from datetime import datetime, timedelta
from itertools import pairwise
from zoneinfo import ZoneInfo

from django.utils.formats import number_format
from django.utils.translation import gettext as _t

from campaign.lib import charts, reader_zone
from campaign.lib.charts import LEFT, RIGHT, SMALLEST, WIDTH, Chart, Tick
from deliveries.schedule.plan_report import Plan, PlanRow

WIDEST = 44


def _bar_width(plan: Plan, span: timedelta) -> float:
    """Return the width of a bar: as wide as the two nearest moments allow, so that none hides another."""
    moments = sorted(row.at for row in plan.rows)
    nearest = min((b - a for a, b in pairwise(moments)), default=span)
    return min(WIDEST, max(SMALLEST, (WIDTH - LEFT - RIGHT) * (nearest / span) - 1))


def _text(at: datetime, zone: ZoneInfo) -> str:
    return f"{reader_zone.written(at, zone, 'j M, H:i')} {reader_zone.name_of(zone)}"


def of(plan: Plan, *, at: datetime) -> Chart:
    """Return where each bar stands; a day is as wide everywhere, so gaps in time show as gaps."""
    first, last, zone = plan.first.at, plan.last.at, ZoneInfo(plan.zone)
    span = max(last - first, timedelta(minutes=1))
    width = _bar_width(plan, span)
    room = WIDTH - LEFT - RIGHT - width

    def x_of(moment: datetime) -> float:
        return round(LEFT + room * ((moment - first) / span), 1)

    def title(row: PlanRow) -> str:
        people = number_format(row.people, 0, force_grouping=True)
        return f"{_text(row.at, zone)}: {people} · {row.label}"

    most = max(row.people for row in plan.rows)
    ends = (
        [(LEFT, first, "start"), (WIDTH - RIGHT, last, "end")] if last > first else [(LEFT, first, "start")]
    )
    return Chart(
        name="plan",
        title=_t("People by moment, on a line of time"),
        description="",
        bars=[
            charts.bar(x_of(row.at), width, row.people, most=most, title=title(row), tone=row.tone)
            for row in plan.rows
        ],
        ticks=[Tick(x, _text(moment, zone), anchor) for x, moment, anchor in ends],
        mark=x_of(at) + width / 2 if first <= at <= last else None,
    )
