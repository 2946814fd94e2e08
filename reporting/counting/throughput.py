"""How fast a delivery left: messages by the moment at which a server answered, as they stand now."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from django.db import connection

from campaign.lib import reader_zone
from deliveries.models import Delivery
from deliveries.models import MessageStatus as S
from reporting.figures import kpis, periods, standing
from reporting.figures.standing import Figures


class Period(periods.Period):
    """What servers answered in a piece of time."""

    @property
    def delivered(self) -> int:
        """Accepted, and not bounced since."""
        return self.numbers[0]

    @property
    def failed(self) -> int:
        """Refused then, or bounced since."""
        return self.numbers[1]

    @property
    def delivered_rows(self) -> str:
        """The filter of the sending log that shows the delivered."""
        return self._rows_of("delivered")

    @property
    def failed_rows(self) -> str:
        """The filter of the sending log that shows the failed."""
        return self._rows_of("failed")

    def _rows_of(self, name: str) -> str:
        filter_name, _equals, value = kpis.NAMED[name].rows.partition("=")
        return self.rows(**{filter_name: value})

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {"begins": self.begins, "ends": self.ends, "delivered": self.delivered, "failed": self.failed}


@dataclass(frozen=True)
class Throughput:
    """All periods of a send, in a zone."""

    zone: ZoneInfo
    unit: str
    periods: list[Period]

    @property
    def zone_name(self) -> str:
        return reader_zone.name_of(self.zone)

    @property
    def lines(self) -> list[Period]:
        """The periods in which a server answered."""
        return [each for each in self.periods if any(each.numbers)]

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it; periods in which nothing left are left out."""
        return {"zone": str(self.zone), "unit": self.unit, "periods": [each.as_dict() for each in self.lines]}


_BY_MINUTE = f"""
    SELECT date_bin('1 minute', at, 'epoch') AS begins,
        count(*) FILTER (WHERE status = {S.SENT}),
        count(*) FILTER (WHERE status = {S.BOUNCED} OR status = {S.FAILED} AND tries > 0)
    FROM deliveries_message
    WHERE delivery_id = %s AND at IS NOT NULL AND status IN ({S.SENT}, {S.BOUNCED}, {S.FAILED})
    GROUP BY 1 ORDER BY 1
"""


def counted(delivery: Delivery) -> list[list[int]]:
    """Of each minute in which a server answered its epoch, and how many were delivered and failed."""
    with connection.cursor() as cursor:
        cursor.execute(_BY_MINUTE, [delivery.pk])
        return [
            [int(begins.timestamp()), delivered, failed]
            for begins, delivered, failed in cursor.fetchall()
            if delivered or failed
        ]


def throughput(delivery: Delivery, *, zone: ZoneInfo, known: Figures | None = None) -> Throughput:
    """The answers of servers over time, by a unit that fits: as `known` has them, else counted now."""
    known = known or standing.current(delivery)
    slices = [
        (datetime.fromtimestamp(epoch, UTC), delivered, failed)
        for epoch, delivered, failed in (counted(delivery) if known is None else known.by_minute)
    ]
    unit = periods.fitting(slices, zone, list(periods.UNITS))
    return Throughput(zone, unit, periods.made(Period, slices, zone, unit))
