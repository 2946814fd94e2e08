"""What readers did with a delivery, as its pages draw it: by link, over time, by hour of the day. Counted now.

Each figure comes with the filter of the log that shows its rows. The opens are those of the Deployment block: whoever
clicked without loading the picture has opened once, at the first that is known of them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django.db import connection, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audiences.tracking import Tracked
from campaign.lib import reader_zone
from deliveries.models import Delivery, MessageStatus
from feedback.models import HitKind
from reporting.figures import counted, periods, standing
from reporting.figures.counted import CLICKS, MIRROR_VIEWS, OPENS, UNSUBSCRIBES
from reporting.figures.periods import BY_DAY, BY_HOUR, BY_MONTH
from reporting.figures.standing import Figures

HOURS = range(24)
URL_KINDS = {"tracked": _("Tracked"), "opt_out": _("Opt-out"), "mirror": _("Mirror page")}
_COUNTS_AS = {"tracked": CLICKS, "opt_out": UNSUBSCRIBES, "mirror": MIRROR_VIEWS}

UNITS = {unit: periods.UNITS[unit] for unit in (BY_HOUR, BY_DAY, BY_MONTH)}


@dataclass(frozen=True)
class Link:
    """One link of what was sent, how often it was followed, and by how many people."""

    index: int
    label: str
    url: str
    kind: str
    clicks: int
    people: int
    of_all: int  # the clicks on all tracked links

    @property
    def number(self) -> int:
        """As people count: the first is 1."""
        return self.index + 1

    @property
    def kind_label(self) -> str | Promise:
        return URL_KINDS[self.kind]

    @property
    def clicks_rows(self) -> str:
        """The filter of the tracking log that shows the clicks."""
        return urlencode({"counted": _COUNTS_AS[self.kind], "link": self.index})

    @property
    def people_rows(self) -> str:
        """The filter of the sending log that shows the people."""
        return urlencode({"link": self.index})

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {
            "number": self.number, "label": self.label, "kind": self.kind, "url": self.url,
            "clicks": self.clicks, "people": self.people,
        }  # fmt: skip


class Period(periods.Period):
    """What was done in a piece of time."""

    @property
    def opens(self) -> int:
        return self.numbers[0]

    @property
    def clicks(self) -> int:
        return self.numbers[1]

    @property
    def opens_rows(self) -> str:
        """The filter of the tracking log that shows the opens."""
        return self.rows(counted=OPENS)

    @property
    def clicks_rows(self) -> str:
        """The filter of the tracking log that shows the clicks."""
        return self.rows(counted=CLICKS)

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {"begins": self.begins, "ends": self.ends, "opens": self.opens, "clicks": self.clicks}


@dataclass(frozen=True)
class Hour:
    """An hour of the day in a zone, and what was done in it on all days together."""

    hour: int
    zone: ZoneInfo
    opens: int
    clicks: int

    @property
    def shown(self) -> str:
        return f"{self.hour:02}:00"

    def _rows(self, what: str) -> str:
        return urlencode({"counted": what, "hour": self.hour, "hour_zone": str(self.zone)})

    @property
    def opens_rows(self) -> str:
        """The filter of the tracking log that shows the opens."""
        return self._rows(OPENS)

    @property
    def clicks_rows(self) -> str:
        """The filter of the tracking log that shows the clicks."""
        return self._rows(CLICKS)

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {"hour": self.hour, "opens": self.opens, "clicks": self.clicks}


@dataclass(frozen=True)
class Times:
    """Opens and clicks over time and by hour of the day, in a zone."""

    zone: ZoneInfo
    unit: str
    periods: list[Period]
    hours: list[Hour]

    @property
    def opens(self) -> int:
        return sum(hour.opens for hour in self.hours)

    @property
    def clicks(self) -> int:
        return sum(hour.clicks for hour in self.hours)

    @property
    def zone_name(self) -> str:
        return reader_zone.name_of(self.zone)

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it; periods in which nothing was done are left out."""
        return {
            "zone": str(self.zone), "unit": self.unit, "opens": self.opens, "clicks": self.clicks,
            "periods": [each.as_dict() for each in self.lines], "hours": [each.as_dict() for each in self.hours],
        }  # fmt: skip

    @property
    def lines(self) -> list[Period]:
        """The periods in which something was done."""
        return [each for each in self.periods if each.opens or each.clicks]


def zone_of(delivery: Delivery) -> ZoneInfo:
    """The zone whose hours are meant: the reader's where it is known, else the delivery's own."""
    return reader_zone.known() or reader_zone.named(delivery.time_zone) or ZoneInfo("UTC")


# Few messages don't arrive or can't tell of an open, so it is those that are looked for: each hit has its message.
_MISSED = f"""
    WITH missed AS MATERIALIZED (
        SELECT m.seq, m.status <> {MessageStatus.SENT} AS is_not_there FROM deliveries_message m
        WHERE m.delivery_id = %(delivery)s
            AND (m.status <> {MessageStatus.SENT} OR m.tracked & {Tracked.OPENS:d} = 0)
    )
"""
_HITS = f"""
    FROM feedback_hit h
    WHERE h.delivery_id = %(delivery)s AND {counted.IN_SQL}
        AND NOT EXISTS (SELECT FROM missed WHERE missed.seq = h.seq AND missed.is_not_there)
"""
_BY_LINK = f"""{_MISSED}
    SELECT kind, link, sum(number)::bigint, count(*)
    FROM (
        SELECT h.kind, h.link, h.seq, count(*) AS number {_HITS} AND h.kind <> 'open' GROUP BY h.kind, h.link, h.seq
    ) AS each
    GROUP BY kind, link
"""
# In every zone hours and days begin at a quarter of an hour, and a change of the clock comes at one: all that was done
# in a slice was done in the same hour of the day.
_BY_TIME = f"""{_MISSED}, counted AS MATERIALIZED (
        SELECT h.seq, h.kind, h.at {_HITS}
    ), slices AS (
        SELECT date_bin('15 minutes', at, 'epoch') AS begins, count(*) FILTER (WHERE kind = 'open') AS opens,
            count(*) FILTER (WHERE kind = 'click') AS clicks
        FROM counted WHERE kind IN ('open', 'click') GROUP BY 1
        UNION ALL
        SELECT date_bin('15 minutes', at, 'epoch'), count(*), 0
        FROM (
            SELECT min(at) AS at FROM counted WHERE NOT EXISTS (SELECT FROM missed WHERE missed.seq = counted.seq)
            GROUP BY seq HAVING NOT bool_or(kind = 'open')
        ) AS first_signs
        GROUP BY 1
    )
    SELECT begins, extract(hour FROM begins AT TIME ZONE %(zone)s)::int, sum(opens)::bigint, sum(clicks)::bigint
    FROM slices GROUP BY begins ORDER BY begins
"""


def _fetched(statement: str, **slots: Any) -> list[Any]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT set_config('work_mem', '64MB', true)"
        )  # what is grouped by person stays in memory
        cursor.execute(statement, slots)
        return cursor.fetchall()


def counted_by_link(delivery: Delivery) -> list[list[Any]]:
    """Of each kind of hit and link: how many, of how many people."""
    return [list(row) for row in _fetched(_BY_LINK, delivery=delivery.pk)]


def counted_by_time(delivery: Delivery) -> list[list[Any]]:
    """Opens and clicks of each quarter of an hour, by its epoch, for the figures to be kept."""
    slices = _fetched(_BY_TIME, delivery=delivery.pk, zone="UTC")
    return [[int(begins.timestamp()), int(opens), int(clicks)] for begins, _hour, opens, clicks in slices]


def _slices(delivery: Delivery, zone: ZoneInfo, known: Figures | None) -> list[Any]:
    if known is None:
        return _fetched(_BY_TIME, delivery=delivery.pk, zone=str(zone))
    begun = [(datetime.fromtimestamp(epoch, UTC), opens, clicks) for epoch, opens, clicks in known.by_time]
    return [(begins, begins.astimezone(zone).hour, opens, clicks) for begins, opens, clicks in begun]


def links(delivery: Delivery, *, known: Figures | None = None) -> list[Link]:
    """Each link of what was sent, in the order of the content; as `known` has them, else as they are now."""
    written = counted.links_of(delivery)
    if not written:
        return []
    known = known or standing.current(delivery)
    counts = counted_by_link(delivery) if known is None else known.by_link
    found = {(kind, link): (n, people) for kind, link, n, people in counts}
    of_all = sum(n for (kind, _link), (n, _people) in found.items() if kind == HitKind.CLICK)
    rows = []
    for link in written:
        kind = counted.HIT_OF_LINK[link["kind"]]
        number, people = found.get((kind.value, link["index"] if kind == HitKind.CLICK else None), (0, 0))
        rows.append(Link(link["index"], link["label"], link["url"], link["kind"], number, people, of_all))
    return rows


def uncounted(delivery: Delivery) -> list[Link]:
    """The same links, before anybody has counted."""
    return [
        Link(link["index"], link["label"], link["url"], link["kind"], 0, 0, 0)
        for link in counted.links_of(delivery)
    ]


def times(delivery: Delivery, *, zone: ZoneInfo, unit: str = "", known: Figures | None = None) -> Times:
    """Opens and clicks over time, by the unit that is named, else by one that fits; and by hour of the day.

    As `known` has them, else as they are now.
    """
    slices = _slices(delivery, zone, known or standing.current(delivery))
    of_day = {hour: [0, 0] for hour in HOURS}
    for _begins, hour, opens, clicks in slices:
        of_day[hour][0] += opens
        of_day[hour][1] += clicks
    moments = [(begins, opens, clicks) for begins, _hour, opens, clicks in slices]
    unit = unit if unit in UNITS else periods.fitting(moments, zone, list(UNITS))
    hours = [Hour(hour, zone, *numbers) for hour, numbers in of_day.items()]
    return Times(zone, unit, periods.made(Period, moments, zone, unit), hours)


def top(found: Iterable[Link], number: int) -> list[Link]:
    """The tracked links that were followed most."""
    tracked = [link for link in found if link.kind == "tracked" and link.clicks]
    return sorted(tracked, key=lambda link: (-link.clicks, link.index))[:number]
