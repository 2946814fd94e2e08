"""Logs as files: the rows that the filters leave, streamed, and recorded in the audit trail."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences.models import ExportStyle
from audiences.profiles import export_styles
from campaign.lib import csv, keyset
from deliveries.models import Delivery
from reporting.counting import failures
from reporting.exports import export_sql, file_columns
from reporting.exports.export_joins import Beside
from reporting.exports.file_columns import Column
from reporting.logs import logs
from reporting.logs.logs import Log
from reporting.reactions import reactions

Progress = Callable[[int], None]


def export(
    *,
    delivery: Delivery,
    log: Log,
    chosen: dict[str, str],
    by: User,
    progress: Progress = lambda rows: None,
) -> Iterator[bytes]:
    """The file in the person's style, part by part: memory does not grow with the rows.

    `progress` is told how many rows are written so far. Raise access.NotAllowed without the right to export.
    """
    access.require(by, Right.EXPORT, delivery)
    audit.record("export_log", by=by, target=delivery, log=log.code, filters=chosen)
    rows = log.rows(delivery, chosen, by)
    return _followed(_parts(Beside(log, delivery, by), rows, export_styles.of(by)), progress)


def expected(delivery: Delivery, log: Log, chosen: dict[str, str]) -> int | None:
    """How many rows the file will have, where that is known without counting."""
    if chosen or delivery.preparation is None:
        return None
    known = {"sending": delivery.preparation.to_deliver, "exclusions": delivery.preparation.excluded}
    return known.get(log.code)


def _parts(beside: Beside, rows: QuerySet[Any], style: ExportStyle) -> Iterator[tuple[bytes, int]]:
    """The octets of the file, each part with the number of its rows; in the language that is active now."""
    log = beside.log
    shown = file_columns.BY_LOG[log.code]
    header = csv.line([str(column.label) for column in shown], delimiter=style.delimiter)
    if file_columns.is_made_by_sql(shown):
        found = export_sql.pages(shown, log, rows, delimiter=style.delimiter, beside=beside)
    else:
        found = _lines(shown, log, rows, delimiter=style.delimiter)
    rest = ((export_styles.gone_on(text, style=style), number) for text, number in found)
    return chain([(export_styles.begun(header, style=style), 0)], rest)


def _lines(
    shown: Sequence[Column], log: Log, rows: QuerySet[Any], *, delimiter: str
) -> Iterator[tuple[str, int]]:
    """As `export_sql.pages`, line by line in Python."""
    for row in keyset.each(rows, key=log.key, newest_first=log.newest_first):
        yield csv.line([column.of(row) for column in shown], delimiter=delimiter), 1


def _followed(parts: Iterator[tuple[bytes, int]], progress: Progress) -> Iterator[bytes]:
    written = 0
    for octets, number in parts:
        yield octets
        written += number
        if number:
            progress(written)


def export_lists(*, delivery: Delivery, code: str, by: User) -> Iterator[bytes]:
    """The lists that need no pages: exclusion causes, failures by reason and by provider, tracked URLs."""
    access.require(by, Right.EXPORT, delivery)
    audit.record("export_log", by=by, target=delivery, log=code, filters={})
    if code == "causes":
        rows: Any = ((row.label, row.cause, row.number) for row in logs.causes(delivery))
        header = [_("Cause"), _("Code"), _("Volume")]
    elif code == "failures":
        found = failures.failures(delivery, user=by)
        rows = (
            (what, line.label, line.code, line.number, line.refused, line.later)
            for what, lines in (
                (_("Reason"), found.by_reason),
                (_("Provider (MX host)"), found.by_provider),
            )
            for line in lines
        )
        header = [
            pgettext_lazy("column", "By"),
            _("Label"),
            _("Code"),
            _("In all"),
            _("While it was sent"),
            _("Later, by mail"),
        ]
    elif code == "clicks":
        header, rows = _times(delivery)
    else:
        rows = (
            (row.label, row.kind_label, row.url, row.clicks, row.people) for row in reactions.links(delivery)
        )
        header = [_("Label"), _("Type"), _("Source URL"), _("Clicks"), _("People")]
    return written(header, rows, by=by)


def _times(delivery: Delivery) -> tuple[list[Any], Iterator[Any]]:
    """Opens and clicks hour by hour, as far as hours go, and by hour of the day."""
    found = reactions.times(delivery, zone=reactions.zone_of(delivery))
    header = [
        pgettext_lazy("column", "By"),
        _("From (UTC)"),
        _("In %(zone)s") % {"zone": found.zone_name},
        _("Opens"),
        _("Clicks"),
    ]
    periods = (
        (reactions.UNITS[found.unit], file_columns.moment(each.begins), each.label, each.opens, each.clicks)
        for each in found.lines
    )
    hours = ((_("Hour of the day"), "", each.shown, each.opens, each.clicks) for each in found.hours)
    return header, chain(periods, hours)


def written(header: list[Any], rows: Iterable[Any], *, by: User) -> Iterator[bytes]:
    """A file of a few rows in the person's style and language."""
    cells = (
        [str(cell) if isinstance(cell, Promise) else cell for cell in row] for row in chain([header], rows)
    )
    return export_styles.written(cells, by=by)
