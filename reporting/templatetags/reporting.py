"""Words and links that the pages about a delivery share."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext

from deliveries.models import Delivery, MessageStatus
from deliveries.operations import doubts
from feedback.models import HitKind, MailKind
from reporting.counting.deployment import rows_url
from reporting.figures.kpis import Named

register = template.Library()

HIT_ICONS = {HitKind.OPEN: "eye", HitKind.CLICK: "link", HitKind.MIRROR: "monitor", HitKind.UNSUBSCRIBE: "x"}
REPORT_TONES = {
    MailKind.HARD: "red",
    MailKind.SOFT: "red",
    MailKind.COMPLAINT: "red",
    MailKind.DELAYED: "yellow",
}
MINUTE, HOUR, DAY = 60, 3600, 86400


@register.simple_tag
def rows_of(delivery: Delivery, named: Named) -> str:
    """The address of the rows that a count counts."""
    return rows_url(delivery, named)


@register.filter
def lookup(mapping: Mapping[Any, Any], key: Any) -> Any:
    return mapping.get(key, "")


@register.filter
def nth(items: Sequence[Any], place: int) -> Any:
    """What stands at this place, counted from 0."""
    return items[place]


@register.filter
def status_code(status: int) -> str:
    """The name of a message's status, by which its colour is found."""
    return MessageStatus(status).name.lower()


@register.filter
def hit_icon(kind: str) -> str:
    return HIT_ICONS.get(HitKind(kind), "eye")


@register.filter
def report_tone(kind: str) -> str:
    return REPORT_TONES.get(MailKind(kind), "grey")


@register.filter
def signed(number: int) -> str:
    """+3, −2 or 0."""
    if not number:
        return "0"
    text = number_format(abs(number), 0, use_l10n=True, force_grouping=True)
    return f"+{text}" if number > 0 else f"\N{MINUS SIGN}{text}"


@register.filter
def delta_class(number: int) -> str:
    return "none" if not number else "up" if number > 0 else "down"


@register.filter
def speed(per_hour: int | None) -> str:
    """1,240 a second; below one by the minute; nothing below one a minute."""
    if not per_hour or per_hour < MINUTE:
        return ""
    if per_hour >= HOUR:
        return _t("%(number)s a second") % {
            "number": number_format(round(per_hour / HOUR), 0, force_grouping=True)
        }
    return _t("%(number)s a minute") % {"number": number_format(round(per_hour / MINUTE), 0)}


@register.filter
def duration(left: Any) -> str:
    """About how long: 40 seconds, 12 minutes, 3 hours."""
    seconds = int(left.total_seconds())
    if seconds < MINUTE:
        return ngettext("%(n)s second", "%(n)s seconds", max(seconds, 1)) % {"n": max(seconds, 1)}
    if seconds < HOUR:
        minutes = round(seconds / MINUTE)
        return ngettext("%(n)s minute", "%(n)s minutes", minutes) % {"n": minutes}
    if seconds < DAY:
        hours = round(seconds / HOUR)
        return ngettext("%(n)s hour", "%(n)s hours", hours) % {"n": hours}
    days = round(seconds / DAY)
    return ngettext("%(n)s day", "%(n)s days", days) % {"n": days}


@register.filter
def again_from(since: datetime) -> datetime:
    """From when on a message whose outcome is unknown since then may be sent again."""
    return doubts.again_from(since)


@register.filter
def unlocalised(number: int) -> str:
    """A number as a form posts it, in whatever language."""
    return str(number)
