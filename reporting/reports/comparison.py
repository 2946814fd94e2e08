"""Several deliveries side by side: each figure a row, each delivery a column. From what is stored of each."""

from decimal import Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext_lazy as _

from campaign.lib import charts, reader_zone
from campaign.lib.charts import Chart, Place, Series
from deliveries.models import Delivery
from reporting.counting import statistics
from reporting.counting.deployment import rows_url
from reporting.figures import kpis
from reporting.figures.kpis import Counts, Definition
from reporting.reports.frame import FIGURES, Cell, Column, Reader, Row, Table
from reporting.reports.subjects import Subject

DRAWN_ARE = _("Drawn are opens and clicks in per cent, as in the table.")
DRAWN = (("opens", "blue"), ("clicks", "green"))


def tables(subject: Subject, reader: Reader) -> list[Table]:
    """One table; a flat number of queries, however many deliveries."""
    rows = Delivery.objects.filter(pk__in=[one.pk for one in subject.deliveries])
    counted = statistics.counts_by(rows, "pk")
    compared = [(one, counted.get(one.pk, Counts())) for one in subject.deliveries]
    columns = [Column(f"{one.label} · {one.name}", has_rate=True) for one, _counts in compared]
    begun = Row(_("Sending began"), [Cell(words=_moment(one, reader)) for one, _counts in compared])
    figures = [
        Row(each.label, [_cell(each, one, counts) for one, counts in compared], beside=each.formula)
        for each in FIGURES
    ]
    return [
        Table(
            "comparison",
            _("Deliveries side by side"),
            _("Figure"),
            columns,
            [begun, *figures],
            _chart(compared),
            note=DRAWN_ARE,
        )
    ]


def _cell(each: Definition, delivery: Delivery, counts: Counts) -> Cell:
    number = each.number(counts)
    return Cell(number, each.rate(counts), rows_url(delivery, each.named) if number else "")


def _moment(delivery: Delivery, reader: Reader) -> str:
    at = delivery.started_at
    return reader_zone.written(at, reader.zone) if at is not None else "–"


def _per_cent(tenths: int) -> str:
    return f"{number_format(Decimal(tenths) / 10, 1)}%"


def _chart(compared: list[tuple[Delivery, Counts]]) -> Chart:
    """Shares of the delivered in per cent: numbers of unequal sends are no comparison."""
    places = [
        Place(one.name, tuple(int(10 * (kpis.BY_CODE[code].rate(counts) or 0)) for code, _tone in DRAWN))
        for one, counts in compared
    ]
    series = [Series(str(kpis.BY_CODE[code].label), tone) for code, tone in DRAWN]
    return charts.columns(
        places, series=series, name="chart-comparison", title=str(DRAWN_ARE),
        description="", shown=_per_cent,
    )  # fmt: skip
