"""The summary of a delivery: its figures, how it left, what readers did, why messages failed, the top links.

All of it is counted now or as the Deployment block shows it, and each number comes with the log and the filter that
shows its rows. It is read by whoever may see the delivery.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.overview import state
from deliveries.overview.state import State
from reporting.counting import failures, statistics, throughput
from reporting.counting.failures import Failures
from reporting.counting.throughput import Throughput
from reporting.exports import exports
from reporting.figures import kpis
from reporting.figures.kpis import Counts, Named
from reporting.figures.standing import Look
from reporting.reactions import reactions
from reporting.reactions.reactions import Link, Times

TOP_LINKS = 10
OF_TRACKING = frozenset(
    {"openers", "opens", "clickers", "clicks", "mirror_views", "opens_tracked", "clicks_tracked"}
    | {"opens_untracked", "clicks_untracked"}
)


@dataclass(frozen=True)
class Line:
    """A figure of the table."""

    label: str | Promise
    number: int
    named: Named
    rate: Decimal | None = None
    is_rate: bool = False
    sentence: str | Promise = ""
    formula: str = ""


@dataclass(frozen=True)
class Summary:
    delivery: Delivery
    state: State
    at: datetime
    folded_at: datetime | None
    counts: Counts
    lines: list[Line]
    throughput: Throughput | None  # None: it is being counted, as times and links are
    times: Times | None  # None: opens and clicks are not tracked
    links: list[Link]
    failures: Failures | None  # None: counted by another request

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it, beside what it says of a delivery anyway."""
        return {
            "throughput": self.throughput and self.throughput.as_dict(),
            "times": self.times and self.times.as_dict(),
            "clicks": [link.as_dict() for link in self.links],
            "failures": self.failures and self.failures.as_dict(),
        }


def summary(
    delivery: Delivery,
    *,
    user: User | None,
    at: datetime,
    zone: ZoneInfo | None = None,
    look: Look | None = None,
) -> Summary:
    """The summary as of `at`, in the zone of whoever reads it unless one is named.

    Without a person it is the system's own operator who asks. With a `look` of a large delivery its charts and links
    are those that were counted last, none while they are waited for; and why messages failed is left to others.
    """
    state.annotate([delivery], at=at)
    zone, counts = zone or reactions.zone_of(delivery), statistics.counts(delivery)
    folded_at, _next = statistics.last_and_next(delivery, at)
    return Summary(
        delivery=delivery,
        state=state.of(delivery),
        at=at,
        folded_at=folded_at,
        counts=counts,
        lines=lines(counts, tracking=delivery.tracking),
        **_drawn(delivery, zone, look or Look()),
        failures=None if look and look.is_large else failures.failures(delivery, user=user),
    )


def _drawn(delivery: Delivery, zone: ZoneInfo, look: Look) -> dict[str, Any]:
    """What is counted from the rows, for the charts and the links."""
    if look.must_wait:
        return {"throughput": None, "times": None, "links": []}
    known, is_tracked = look.figures, delivery.tracking
    return {
        "throughput": throughput.throughput(delivery, zone=zone, known=known),
        "times": reactions.times(delivery, zone=zone, known=known) if is_tracked else None,
        "links": reactions.top(reactions.links(delivery, known=known), TOP_LINKS) if is_tracked else [],
    }


def lines(counts: Counts, *, tracking: bool) -> list[Line]:
    """The indicators, and every other count that isn't 0."""
    shown = [
        Line(
            one.label,
            kpi.number,
            one.named,
            kpi.rate,
            one.is_rate,
            one.sentence,
            one.formula,
        )
        for kpi in kpis.kpis(counts)
        for one in [kpi.definition]
        if tracking or one.count not in OF_TRACKING
    ]
    known = {line.named.name for line in shown}
    return shown + [
        Line(named.label, number, named)
        for named in kpis.NAMED.values()
        if named.name not in known
        and (number := getattr(counts, named.name))
        and (tracking or named.name not in OF_TRACKING)
    ]


def export(*, delivery: Delivery, by: User) -> Iterator[bytes]:
    """The same as a file; raise NotAllowed for whoever may not export, and leave an audit event."""
    access.require(by, Right.EXPORT, delivery)
    audit.record("export_log", by=by, target=delivery, log="summary", filters={})
    found = summary(delivery, user=by, at=clock.now())
    header = [_("Part"), _("Label"), _("From (UTC)"), _("Number"), _("Per cent"), _("Formula")]
    return exports.written(header, _cells(found), by=by)


def _cells(found: Summary) -> Iterator[list[Any]]:
    for line in found.lines:
        yield [
            _("Figures"),
            line.label,
            "",
            line.number,
            "" if line.rate is None else line.rate,
            line.formula,
        ]
    plan = found.state.plan
    for row in plan.rows if plan else []:
        yield [_("Sending plan"), row.label, _written(row.at), row.people, "", ""]
    for answered in found.throughput.lines if found.throughput else []:
        for label, number in (
            (_("Delivered"), answered.delivered),
            (_("Bounces and errors"), answered.failed),
        ):
            yield [_("Throughput"), label, _written(answered.begins), number, "", ""]
    for period in found.times.lines if found.times else []:
        for label, number in ((_("Opens"), period.opens), (_("Clicks"), period.clicks)):
            yield [_("Opens and clicks over time"), label, _written(period.begins), number, "", ""]
    for link in found.links:
        yield [_("Clicks by link"), link.label or link.url, "", link.clicks, "", ""]
    by = found.failures
    parts = ((_("Reason"), by.by_reason), (_("Provider (MX host)"), by.by_provider)) if by else ()
    for part, failed in parts:
        for each in failed:
            yield [part, each.label, "", each.number, "", ""]


def _written(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(sep=" ", timespec="seconds")
