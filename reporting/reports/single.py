"""Reports on one delivery: its summary, how fast it left, opens and clicks over time, why messages failed."""

from collections.abc import Callable, Iterable
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from campaign.lib import charts
from campaign.lib.charts import Chart, Place, Series
from reporting.counting import failures, statistics, throughput
from reporting.counting.deployment import rows_url
from reporting.figures.kpis import NAMED
from reporting.reactions import reaction_pages, reactions
from reporting.reports import summary
from reporting.reports.frame import Cell, Column, Reader, Row, Table, linked
from reporting.reports.subjects import Subject

DELIVERED, FAILED = NAMED["delivered"].label, NAMED["failed"].label


def log_url(subject: Subject, log: str) -> Callable[[str], str]:
    """What makes the address of rows in a log of the delivery, of a filter."""
    window = reverse("reporting:window", args=[subject.delivery.pk, log])
    return lambda rows: f"{window}?{rows}"


def figures(subject: Subject, reader: Reader) -> list[Table]:
    """Every figure of the delivery that isn't 0, and the indicators."""
    delivery = subject.delivery
    lines = summary.lines(statistics.counts(delivery), tracking=delivery.tracking)
    rows = [
        Row(
            line.label,
            [Cell(line.number, line.rate, rows_url(delivery, line.named) if line.number else "")],
            beside=line.formula or line.sentence,
        )
        for line in lines
    ]
    return [Table("figures", _("Figures"), _("Figure"), [Column(_("Number"), has_rate=True)], rows)]


def speed(subject: Subject, reader: Reader) -> list[Table]:
    """Answers of servers, period after period."""
    found = throughput.throughput(subject.delivery, zone=reader.zone)
    rows_in = log_url(subject, "sending")
    rows = [
        Row(
            line.label,
            [
                linked(line.delivered, rows_in(line.delivered_rows)),
                linked(line.failed, rows_in(line.failed_rows)),
            ],
        )
        for line in found.lines
    ]
    note = _(
        "By the moment at which a server answered: it measures the hand-over to servers, not the arrival in a mailbox. "
        "What bounced later stands at the moment at which it was accepted."
    )
    columns = [Column(DELIVERED), Column(FAILED)]
    chart = reaction_pages.throughput(found) if rows else None
    return [Table("throughput", _("Throughput"), _("When"), columns, rows, chart, note)]


def over_time(subject: Subject, reader: Reader) -> list[Table]:
    """Opens and clicks over time, and by hour of the day."""
    found = reactions.times(subject.delivery, zone=reader.zone)
    columns = [Column(_("Opens")), Column(_("Clicks"))]
    has_any = bool(found.opens or found.clicks)
    times = Table(
        "times", _("Opens and clicks over time"), _("When"), columns,
        [*_of_times(subject, found.lines), *_in_all(subject, found)],
        reaction_pages.over_time(found) if has_any else None,
    )  # fmt: skip
    return [times, by_hour(subject, found)]


def by_hour(subject: Subject, found: reactions.Times) -> Table:
    """Opens and clicks by hour of the day, all days together."""
    columns = [Column(_("Opens")), Column(_("Clicks"))]
    has_any = bool(found.opens or found.clicks)
    hours = [*_of_times(subject, found.hours), *_in_all(subject, found)] if has_any else []
    chart = reaction_pages.by_hour(found) if has_any else None
    return Table("hours", _("By hour of the day"), _("Hour"), columns, hours, chart)


def _of_times(subject: Subject, lines: Iterable[Any]) -> list[Row]:
    rows_in = log_url(subject, "tracking")
    return [
        Row(
            getattr(line, "label", "") or line.shown,
            [linked(line.opens, rows_in(line.opens_rows)), linked(line.clicks, rows_in(line.clicks_rows))],
        )
        for line in lines
    ]


def _in_all(subject: Subject, found: reactions.Times) -> list[Row]:
    """The row of what the others make together, where there is any."""
    rows_in = log_url(subject, "tracking")
    cells = [linked(found.opens, rows_in("counted=opens")), linked(found.clicks, rows_in("counted=clicks"))]
    return [Row(_("In all"), cells, is_total=True)] if found.opens or found.clicks else []


def why(subject: Subject, reader: Reader) -> list[Table]:
    """Failures by reason and by provider; each of the two makes the whole."""
    found = failures.failures(subject.delivery, user=reader.user)
    return [
        _failed(subject, "reasons", _("Failures by reason"), _("Reason"), found.by_reason),
        _failed(subject, "providers", _("Failures by provider"), _("Provider (MX host)"), found.by_provider),
    ]


def _failed(subject: Subject, name: str, title: Any, first: Any, lines: list[failures.Line]) -> Table:
    rows_in = log_url(subject, "sending")
    columns = [Column(_("In all")), Column(_("While it was sent")), Column(_("Later, by mail"))]
    rows = [
        Row(
            line.label,
            [
                linked(line.number, rows_in(line.query)),
                linked(line.refused, rows_in(line.refused_query)),
                linked(line.later, rows_in(line.later_query)),
            ],
            beside=line.beside,
        )
        for line in lines
    ]
    return Table(name, title, first, columns, rows, drawn(name, title, rows, [(columns[0].label, "red")]))


def drawn(name: str, title: Any, rows: list[Row], series: list[tuple[Any, str]]) -> Chart | None:
    """The first numbers of the rows as columns side by side; nothing of fewer than two rows."""
    if len(rows) < 2:
        return None
    places = [
        Place(str(row.label), tuple(cell.number or 0 for cell in row.cells[: len(series)])) for row in rows
    ]
    named = [Series(str(label), tone) for label, tone in series]
    return charts.columns(places, series=named, name=f"chart-{name}", title=str(title), description="")
