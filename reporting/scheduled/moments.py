"""When a scheduled report comes next, by the clocks of its time zone. Arithmetic alone."""

import calendar
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from accounts.models import User
from campaign.lib import reader_zone
from reporting.models import ScheduledReport

Rhythm = ScheduledReport.Rhythm


def following(report: ScheduledReport, after: datetime) -> datetime:
    """The first moment after this one. Where clocks jump over the hour it comes as soon as they have."""
    zone = ZoneInfo(report.time_zone)
    day = after.astimezone(zone).date()
    while True:
        if _is_its_day(report, day) and (moment := _moment(day, report.at_time, zone)) > after:
            return moment
        day += timedelta(days=1)


def zone_of(user: User) -> str:
    """The zone that a schedule of this person begins with: the chosen one, that of the browser, or UTC."""
    known = reader_zone.known()
    return user.time_zone or (str(known) if known is not None else "UTC")


def _is_its_day(report: ScheduledReport, day: date) -> bool:
    if report.rhythm == Rhythm.WEEKLY:
        return day.isoweekday() == report.weekday
    if report.rhythm == Rhythm.MONTHLY:
        return day.day == min(report.month_day, calendar.monthrange(day.year, day.month)[1])
    return True


def _moment(day: date, at: time, zone: ZoneInfo) -> datetime:
    """The moment at which clocks there show it; the first of two, and of none the one that the jump leads to."""
    return datetime.combine(day, at.replace(tzinfo=None), zone).astimezone(UTC)
