"""What the pages are made of: numbers, moments, statuses and the shared fragments (docs/design-system.md)."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django import template
from django.conf import settings
from django.forms import BoundField, CheckboxInput, CheckboxSelectMultiple, FileInput, RadioSelect
from django.http import QueryDict
from django.template.context import Context
from django.template.loader import render_to_string
from django.templatetags.static import static
from django.urls import NoReverseMatch, reverse
from django.utils import timezone
from django.utils.formats import number_format
from django.utils.html import format_html
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.safestring import SafeString
from django.utils.translation import pgettext

from campaign.lib import reader_zone

register = template.Library()

# Shown where a rate has no base or a value is not known.
NOTHING = "–"
KEPT = 1_024  # pieces of a kind that a process keeps as they were written

# Grey before, blue while it runs, yellow where somebody is needed, red where it went wrong or was ended, green at
# the end. How a delivery stands has its colour from `deliveries.overview`.
TONES = {
    # Messages.
    "prepared": "grey",
    "sent": "green",
    "failed": "red",
    "retrying": "blue",
    "in_doubt": "yellow",
    "ignored": "grey",
    "cancelled": "grey",
    "bounced": "red",
    "erased": "grey",
    # Preparations, imports and what else runs in the background.
    "waiting": "grey",
    "queued": "grey",
    "running": "blue",
    "reading": "blue",
    "writing": "blue",
    "done": "green",
    "stopped": "red",
    "refused": "red",
    # Levels of findings and log lines.
    "info": "blue",
    "success": "green",
    "warning": "yellow",
    "error": "red",
}
MOVING = frozenset({"retrying", "running", "reading", "writing"})

LEVEL_ICONS = {"success": "check-circle", "warning": "alert", "error": "octagon", "debug": "info"}


# Numbers


@register.filter
def full_number(value: Any) -> str:
    """9,890: whole, grouped as the language does; "–" for None."""
    return (
        NOTHING if value in (None, "") else number_format(int(value), 0, use_l10n=True, force_grouping=True)
    )


@register.filter
def short_number(value: Any) -> str:
    """9.89 k: three figures that count, for tiles; whole below a thousand and "–" for None."""
    if value in (None, ""):
        return NOTHING
    number = int(value)
    if abs(number) < 1000:
        return number_format(number, 0)
    # Rounded before the unit is chosen, so that 999,960 reads 1 M and not 1,000 k.
    rounded = Decimal(f"{number:.3g}")
    unit = next(power for power in (9, 6, 3) if abs(rounded) >= 10**power)
    text = number_format(_without_zeros(rounded / 10**unit), use_l10n=True)
    shapes = {
        3: pgettext("thousands", "%(number)s k"),
        6: pgettext("millions", "%(number)s M"),
        9: pgettext("thousands of millions", "%(number)s G"),
    }
    return (shapes[unit] % {"number": text}).replace(" ", "\N{NO-BREAK SPACE}")


def _is_rounded(value: Any) -> bool:
    """Whether `short_number` leaves figures of it away."""
    return value not in (None, "") and abs(int(value)) >= 1000


def _without_zeros(number: Decimal) -> Decimal:
    return number.quantize(Decimal(1)) if number == number.to_integral_value() else number.normalize()


@register.simple_tag
def number(value: Any) -> SafeString | str:
    """`short_number` that shows the full figure on pointing at it."""
    if not _is_rounded(value):
        return short_number(value)
    return format_html(
        '<data class="num" value="{}" title="{}">{}</data>',
        int(value),
        full_number(value),
        short_number(value),
    )


@register.filter
def percent(part: Any, base: Any) -> str:
    """`part` of `base` with one decimal, 97.3%; "–" where the base is 0."""
    return rate(100 * part / base) if part is not None and base else NOTHING


@register.filter
def rate(value: Any) -> str:
    """A percentage that is computed already, with one decimal; "–" for None."""
    return NOTHING if value is None else f"{number_format(round(value, 1), 1, use_l10n=True)}%"


# Moments


@register.filter
def local_time(moment: datetime | None, zone: str | tzinfo | None = None) -> SafeString | str:
    """12 Nov 2026, 14:00 America/Sao_Paulo: in the reader's zone, and the named one beside it where they differ."""
    return _moment(moment, zone, seconds=False)


@register.simple_tag(name="local_time")
def local_time_tag(
    moment: datetime | None,
    zone: str | tzinfo | None = None,
    *,
    seconds: bool = False,
    weekday: bool = False,
) -> SafeString | str:
    """The same as the filter; `seconds=True` for logs, `weekday=True` where people plan."""
    return _moment(moment, zone, seconds=seconds, weekday=weekday)


def _moment(
    moment: datetime | None, zone: str | tzinfo | None, *, seconds: bool, weekday: bool = False
) -> SafeString | str:
    if not moment:
        return NOTHING
    own = _zone(zone)
    shape = reader_zone.SHAPE_OF_LOGS if seconds else reader_zone.SHAPE
    shape = f"D {shape}" if weekday else shape
    reader = reader_zone.beside(moment, own)
    shown = _shown(moment, reader or own, shape)
    if reader is not None:
        is_same_day = moment.astimezone(reader).date() == moment.astimezone(own).date()
        there = _shown(moment, own, shape.rpartition(", ")[2] if is_same_day else shape)
        shown = format_html('{} <span class="time__own">({})</span>', shown, there)
    at = moment.astimezone(UTC).isoformat(timespec="seconds")
    return format_html('<time class="time" datetime="{}">{}</time>', at, shown)


def _shown(moment: datetime, zone: tzinfo, shape: str) -> SafeString:
    text = reader_zone.written(moment, zone, shape)
    return format_html('{} <span class="time__zone">{}</span>', text, reader_zone.name_of(zone))


def _zone(zone: str | tzinfo | None) -> tzinfo:
    if isinstance(zone, str) and zone:
        try:
            return ZoneInfo(zone)
        except (ZoneInfoNotFoundError, ValueError):
            return timezone.get_current_timezone()
    return zone if isinstance(zone, tzinfo) else timezone.get_current_timezone()


# Statuses, icons, figures


@register.simple_tag
def status_pill(status: Any, label: Any = "", tone: str = "") -> SafeString:
    """A status in its colour; `tone` overrides it."""
    value = _code(status)
    said = str(label or getattr(status, "label", value))
    return pill(value, said, tone or TONES.get(value, "grey"), is_moving=value in MOVING)


@lru_cache(maxsize=KEPT, typed=True)  # a text that is safe is not taken for one that is not
def pill(status: str, label: str, tone: str, *, icon: str = "", is_moving: bool = False) -> SafeString:
    """Words in a colour, with an icon before them if it is named: a list has the same in most of its rows."""
    slots = {"status": status, "label": label, "tone": tone, "icon": icon, "is_moving": is_moving}
    return render_to_string("_status_pill.html", slots)


@register.filter
def tone(status: Any) -> str:
    """The colour of a status or level: grey, blue, yellow, green or red."""
    return TONES.get(_code(status), "grey")


def _code(status: Any) -> str:
    """The word for a status; of an enum that is stored as a number, its name."""
    value = getattr(status, "value", status)
    return status.name.lower() if isinstance(value, int) and hasattr(status, "name") else str(value)


@register.filter
def level_icon(level: Any) -> str:
    """The name of the icon of a log line, a finding or a message."""
    return LEVEL_ICONS.get(str(level), "info")


@register.simple_tag
def icon(name: str, label: Any = "") -> SafeString:
    """An icon of the sprite; silent for a screen reader unless it has a label."""
    return _icon(name, str(label))


@lru_cache(maxsize=KEPT, typed=True)
def _icon(name: str, label: str) -> SafeString:
    """The same: a page has dozens, and few kinds."""
    address = f"{static('campaign/icons.svg')}#{name}"
    if label:
        return format_html(
            '<svg class="icon" role="img" aria-label="{}"><use href="{}"/></svg>', label, address
        )
    return format_html(
        '<svg class="icon" aria-hidden="true" focusable="false"><use href="{}"/></svg>', address
    )


@register.inclusion_tag("_ring.html")
def ring(percent: Any, label: Any = "", sub: Any = "", tone: str = "blue", size: str = "") -> dict[str, Any]:
    """A ring filled by so many per cent (None: not known yet), the figure inside; `size="small"` for lists."""
    filled = min(max(float(percent or 0), 0.0), 100.0)
    # A dash of no length still paints its round ends, so an empty ring has no arc at all.
    return {
        "shown": _whole(percent),
        "dash": f"{filled:.2f}",
        "label": label,
        "sub": sub,
        "tone": tone,
        "size": size,
    }


def _whole(percent: Any) -> str:
    """100 is said of the whole only, and 0 of nothing at all."""
    if percent is None:
        return NOTHING
    value = min(max(float(percent), 0.0), 100.0)
    if 0 < value < 1 or 99 < value < 100:
        return number_format(min(max(value, 0.1), 99.9), 1, use_l10n=True)
    return number_format(round(value), 0)


@register.inclusion_tag("_progress.html")
def progress(percent: Any, label: Any, tone: str = "blue") -> dict[str, Any]:
    """A bar; with None it moves without saying how far."""
    known = None if percent is None else min(max(float(percent), 0.0), 100.0)
    return {
        "value": None if known is None else f"{known:.2f}",
        "shown": _whole(percent),
        "label": label,
        "tone": tone,
    }


@register.inclusion_tag("_stacked_bar.html")
def stacked_bar(segments: Iterable[Sequence[Any]], label: Any = "") -> dict[str, Any]:
    """Parts of a whole side by side, with a legend; a segment is (label, number, tone) or (…, address)."""
    parts = [tuple(segment) for segment in segments]
    total = sum(part[1] for part in parts)
    drawn, start = [], 0.0
    for name, count, tone, *address in parts:
        width = 100 * count / total if total else 0.0
        drawn.append(
            {
                "label": name,
                "number": count,
                "tone": tone,
                "href": address[0] if address else "",
                "x": f"{start:.3f}",
                "width": f"{width:.3f}",
            }
        )
        start += width
    return {"segments": drawn, "total": total, "label": label}


@register.inclusion_tag("_kpi.html")
def kpi(
    caption: Any, value: Any, *, base: Any = None, sub: Any = "", href: str = "", tone: str = ""
) -> dict[str, Any]:
    """A tile: a short number or, with `base`, a percentage; below it the number itself where that says more."""
    is_rate = base is not None
    if not sub and (is_rate or _is_rounded(value)):
        sub = full_number(value)
    return {
        "caption": caption,
        "value": value,
        "base": base,
        "is_rate": is_rate,
        "sub": sub,
        "href": href,
        "tone": tone,
    }


# Forms


@register.inclusion_tag("_field.html")
def field(bound: BoundField, label: Any = "", help: Any = "") -> dict[str, Any]:
    """A form field with its label, help and errors, tied together for screen readers."""
    widget = bound.field.widget
    if isinstance(widget, RadioSelect | CheckboxSelectMultiple):
        kind = "choices"
    elif isinstance(widget, CheckboxInput):
        kind = "check"
    elif isinstance(widget, FileInput):
        kind = "file"
    else:
        kind = "input"
    if help:
        # Django ties the help to the field only where it knows of it.
        bound.help_text = help
    return {"field": bound, "kind": kind, "label": label or bound.label, "help": bound.help_text}


# Links


@register.simple_tag(takes_context=True)
def query_string(context: Context, **replaced: Any) -> str:
    """The page's own query with these parameters replaced; None or "" takes one out."""
    request = context.get("request")
    query = request.GET.copy() if request else QueryDict(mutable=True)
    for name, value in replaced.items():
        if value in (None, ""):
            query.pop(name, None)
        else:
            query[name] = value
    return f"?{query.urlencode()}"


@register.simple_tag
def home() -> str:
    """Where the product's name leads."""
    return address_of(settings.LOGIN_REDIRECT_URL) or "/"


@register.simple_tag(takes_context=True)
def back(context: Context) -> str:
    """The page that somebody came from, where it is one of ours; else the start."""
    request = context["request"]
    came_from = request.META.get("HTTP_REFERER", "")
    is_ours = came_from and url_has_allowed_host_and_scheme(came_from, allowed_hosts={request.get_host()})
    return came_from if is_ours else home()


def address_of(name: str) -> str:
    """The address of a page by its name; empty where there is none."""
    try:
        return reverse(name)
    except NoReverseMatch:
        return ""
