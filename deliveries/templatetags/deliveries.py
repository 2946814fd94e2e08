"""Template tags for deliveries: states, findings, times, plans."""

from datetime import date, datetime
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from django import template
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.functional import Promise
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from campaign.lib import reader_zone
from campaign.templatetags.sinete import pill
from deliveries.content.findings import Finding
from deliveries.models import Delivery, LogLine, StatusChange
from deliveries.overview import figures, plan_chart, state
from deliveries.schedule import plan_report
from deliveries.schedule.plan_report import Plan, PlanRow

register = template.Library()


@register.filter
def day(value: date) -> str:
    """A day as the reader's language writes it: 19 Nov 2026 or 19/11/2026."""
    return date_format(value, reader_zone.localised("j M Y"))


PARTS = {
    "subject": _("Subject"),
    "preheader": _("Preheader"),
    "from_name": _("Sender's name"),
    "from_address": _("Sender's address"),
    "reply_to": _("Reply to"),
    "html": _("HTML"),
    "links": _("Link parameters"),
    "text": _("Text part"),
    "content": _("Content"),
    "audience": _("Audience"),
    "schedule": _("Schedule"),
}
STEP_ICONS = {
    "prepare": "seal",
    "stop_preparation": "stop",
    "fail_preparation": "octagon",
    "ask_approval": "clock",
    "need_no_approval": "check",
    "change": "pencil",
    "approve": "check",
    "reject": "x",
    "confirm": "send",
    "take_back": "arrow-left",
    "begin": "send",
    "pause": "pause",
    "resume": "play",
    "stop": "stop",
    "finish": "check-circle",
    "fail": "octagon",
    "expire": "clock",
    "activate": "send",
    "deactivate": "arrow-left",
    "suspend": "pause",
    "continue": "play",
    "end": "stop",
    "complete": "check-circle",
    "prepare_run": "seal",
    "release_run": "send",
    "skip_run": "clock",
}
# Where the colour of the status that a step leads to says too little.
STEP_TONES = {"approve": "green", "reject": "yellow"}


@register.simple_tag
def state_pill(delivery: Delivery) -> SafeString:
    """How the delivery stands, in words and colour."""
    found = state.of(delivery)
    return pill(found.status, str(found.words), found.tone, icon=found.icon, is_moving=found.is_at_work)


@register.filter
def status_words(delivery: Delivery) -> str | Promise:
    """How the delivery stands, in words alone."""
    return state.of(delivery).words


register.filter("state", state.of)


@register.filter
def place(finding: Finding) -> str:
    """Where a finding is: HTML, line 12."""
    part = str(PARTS.get(finding.where, finding.where))
    if finding.line:
        return _t("%(part)s, line %(line)s") % {"part": part, "line": finding.line}
    return part


@register.filter
def sender(content: object) -> str:
    """Serra Alta <hello@example.com>; the address alone where there is no name."""
    name, address = getattr(content, "from_name", ""), getattr(content, "from_address", "")
    return f"{name} <{address}>" if name and address else name or address


@register.filter
def step_icon(change: StatusChange) -> str:
    """The icon of a step in the status history."""
    return STEP_ICONS.get(change.step, "history")


@register.filter
def step_tone(change: StatusChange) -> str:
    """The colour of a step in the status history."""
    return STEP_TONES.get(change.step) or state.tone_of(change.new)


@register.filter
def level_name(level: str) -> str | Promise:
    """Return what a screen reader says for the icon of a finding."""
    return LogLine.Level(level).label


@register.simple_tag
def rows_url(delivery: Delivery, log: str, query: str = "", **chosen: object) -> str:
    """The address of the rows behind a number, in a log that `reporting` draws; empty where that is not mounted.

    `query` is part of an address already, `chosen` are filters by name.
    """
    try:
        address = reverse("reporting:window", args=[delivery.pk, log])
    except NoReverseMatch:
        return ""
    asked = "&".join(part for part in (query, urlencode(chosen)) if part)
    return f"{address}?{asked}" if asked else address


@register.simple_tag
def figure_label(name: str) -> str | Promise:
    """What a figure of the list is called."""
    return figures.named(name).label


@register.simple_tag
def figure_rows(delivery: Delivery, name: str) -> str:
    """The address of the rows that a figure of the list counts."""
    figure = figures.named(name)
    return rows_url(delivery, figure.log, figure.rows)


@register.simple_tag
def people_url(delivery: Delivery) -> str:
    """The address of the profiles that a preparation would target now; of a remainder, of those never written to."""
    if delivery.remainder_of_id is not None:
        original = Delivery(pk=delivery.remainder_of_id)
        return rows_url(original, "sending", status="cancelled")
    asked = urlencode({"audience": delivery.audience_id, "unit": delivery.unit_id})
    return f"{reverse('audiences:profiles')}?{asked}" if delivery.audience_id else ""


@register.inclusion_tag("_chart.html")
def plan_drawing(plan: Plan, now: datetime) -> dict[str, object]:
    """The plan as a picture."""
    return {"chart": plan_chart.of(plan, at=now)}


@register.filter
def zone_name(zone: str) -> str:
    """The zone as people read it: America/Sao Paulo."""
    return zone.replace("_", " ")


@register.simple_tag
def moment_text(at: datetime, zone: str, *, bare: bool = False) -> str:
    """A moment in a zone as plain text, for a picture's labels; `bare` where its column names the zone."""
    text = reader_zone.written(at, ZoneInfo(zone), "j M, H:i")
    return text if bare else f"{text} {zone_name(zone)}"


@register.simple_tag
def zone_time(row: PlanRow) -> str:
    """What the clocks of a moment's people show; of its largest zone, where it has several."""
    line = row.zones[0]
    return f"{reader_zone.written(line.local, ZoneInfo(line.zone), reader_zone.SHAPE)} {zone_name(line.zone)}"


@register.simple_tag
def lateness(row: PlanRow) -> str:
    """How late the first message of a moment was."""
    return plan_report.lateness(row)


@register.filter
def schedule_words(delivery: Delivery) -> str | Promise:
    """When it leaves, in a sentence."""
    return plan_report.in_words(delivery)
