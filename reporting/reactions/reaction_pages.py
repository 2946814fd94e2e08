"""What the pages about clicks and opens show: the map, the charts, and the tables that say the same."""

from datetime import datetime
from typing import Any

from django.http import Http404, QueryDict
from django.utils.formats import number_format
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from audiences import sight
from campaign.lib import charts, numbers
from campaign.lib.charts import Chart, Place, Series
from deliveries.models import Delivery, Message
from deliveries.proofs import numbered
from reporting.counting.throughput import Throughput
from reporting.figures import standing
from reporting.figures.kpis import NAMED
from reporting.reactions import click_map, reactions
from reporting.reactions.reactions import Times

OPENS, CLICKS = _("opens"), _("clicks")


def context(delivery: Delivery, user: User, query: QueryDict, *, at: datetime) -> dict[str, Any]:
    """All of it; raise Http404 for a recipient whom the person may not see.

    Of a large delivery it is what was counted last, or that it is being counted.
    """
    look = standing.look(delivery, at=at)
    if look.must_wait:
        return {"look": look}
    times = reactions.times(
        delivery, zone=reactions.zone_of(delivery), unit=query.get("by", ""), known=look.figures
    )
    return {
        "look": look,
        "links": reactions.links(delivery, known=look.figures),
        "times": times,
        "units": reactions.UNITS.items(),
        **drawings(times),
        **_map(delivery, user, query),
    }


def drawings(times: Times) -> dict[str, Chart]:
    """The two charts."""
    return {"over_time": over_time(times), "by_hour": by_hour(times)}


def over_time(times: Times) -> Chart:
    """Opens and clicks, period after period."""
    places = [Place(period.label, (period.opens, period.clicks)) for period in times.periods]
    return _chart("over-time", _t("Opens and clicks over time, %(zone)s"), places, times)


def by_hour(times: Times) -> Chart:
    """Opens and clicks by hour of the day, all days together."""
    places = [Place(hour.shown, (hour.opens, hour.clicks)) for hour in times.hours]
    return _chart("by-hour", _t("Opens and clicks by hour of the day, %(zone)s"), places, times)


def throughput(found: Throughput) -> Chart:
    """What servers answered, period after period."""
    places = [Place(period.label, (period.delivered, period.failed)) for period in found.periods]
    series = [
        Series(str(NAMED[name].label), tone) for name, tone in (("delivered", "green"), ("failed", "red"))
    ]
    return _columns(
        "throughput", _t("Answers of servers over time, %(zone)s"), places, series, found.zone_name
    )


def _chart(name: str, title: str, places: list[Place], times: Times) -> Chart:
    series = [Series(str(OPENS), "blue"), Series(str(CLICKS), "green")]
    return _columns(name, title, places, series, times.zone_name)


def _columns(name: str, title: str, places: list[Place], series: list[Series], zone: str) -> Chart:
    most = max(places, key=lambda place: place.numbers, default=None)
    said = _t("The highest column: %(number)s %(what)s, %(when)s. The table below has all figures.")
    number = number_format(most.numbers[0], 0, force_grouping=True) if most else ""
    return charts.columns(
        places,
        series=series,
        name=name,
        title=title % {"zone": zone},
        description=said % {"number": number, "what": series[0].label, "when": most.label} if most else "",
    )


def _map(delivery: Delivery, user: User, query: QueryDict) -> dict[str, Any]:
    if not numbered.is_possible(delivery):
        return {"has_map": False}
    row = recipient(delivery, user, query)
    values = row.values if row is not None else {}
    return {"has_map": True, "map_of": row, "on_map": click_map.shown_on(delivery, values=values)}


def recipient(delivery: Delivery, user: User, query: QueryDict) -> Any:
    """Whose page is meant: the one that an address names, else the first whom the person may see, else nobody.

    Raise Http404 where the one that is named may not be seen.
    """
    named = query.get("seq", "")
    if not named:
        return click_map.somebody(delivery, user)
    if (seq := numbers.key(named)) is None or seq >= 2**31:
        raise Http404
    rows = sight.marked(Message.objects.filter(delivery=delivery, seq=seq), user=user, unit=delivery.unit)
    row: Any = rows.first()
    if row is None or not row.is_clear:
        raise Http404
    return row
