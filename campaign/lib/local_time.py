"""A local time that a person typed, in a named zone, to the moment it means."""

from datetime import UTC, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils.translation import gettext_lazy as _

from campaign.lib.refusals import Refusal

_REGIONS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")


class NoSuchTime(Refusal):
    message = _(
        "On that day the clocks in %(zone)s jump from %(before)s to %(after)s: %(local)s does not exist there. "
        "Choose a time before or after the jump."
    )
    code = "no_such_time"


def moment(local: datetime, zone: str) -> datetime:
    """The moment at which clocks in the zone show `local`; of two such moments, the first.

    Raises NoSuchTime for a time that the clocks skip.
    """
    aware = local.replace(tzinfo=ZoneInfo(zone), fold=0)
    if _shown(aware.astimezone(UTC), zone) != local:
        before, after = _jump(local, zone)
        raise NoSuchTime(zone=zone, before=before, after=after, local=f"{local:%H:%M}")
    return aware.astimezone(UTC)


def comes_twice(local: datetime, zone: str) -> bool:
    """Whether clocks are set back over this time, so that it is shown at two moments."""
    first, second = (local.replace(tzinfo=ZoneInfo(zone), fold=fold).astimezone(UTC) for fold in (0, 1))
    return first < second


@cache
def choices() -> list[tuple[str, list[tuple[str, str]]]]:
    """UTC and every named zone, by region, for a drop-down."""
    names = sorted(name for name in available_timezones() if name.split("/")[0] in _REGIONS and "/" in name)
    groups = [
        (
            region,
            [(name, name.replace("_", " ")) for name in names if name.startswith(region + "/")],
        )
        for region in _REGIONS
    ]
    return [("UTC", [("UTC", "UTC")]), *groups]


def _shown(at: datetime, zone: str) -> datetime:
    return at.astimezone(ZoneInfo(zone)).replace(tzinfo=None)


def _jump(local: datetime, zone: str) -> tuple[str, str]:
    """What clocks show just before and just after the jump that skips `local`."""
    low = local.replace(tzinfo=ZoneInfo(zone), fold=1).astimezone(UTC) - timedelta(hours=26)
    high = low + timedelta(hours=52)
    offset = low.astimezone(ZoneInfo(zone)).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + (high - low) / 2
        if middle.astimezone(ZoneInfo(zone)).utcoffset() == offset:
            low = middle
        else:
            high = middle
    after = _shown(high, zone).replace(microsecond=0)
    before = (high.replace(microsecond=0) + (offset or timedelta())).replace(tzinfo=None)
    return f"{before:%H:%M}", f"{after:%H:%M}"
