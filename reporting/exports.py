"""Logs as files: the rows that the filters leave, streamed, and recorded in the audit trail."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from itertools import chain
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib import csv
from deliveries.models import Delivery
from reporting import logs
from reporting.logs import Log

ROWS_AT_A_TIME = 2000

Column = tuple[str | Promise, Callable[[Any], Any]]


def _moment(value: datetime | None) -> str:
    return value.astimezone(UTC).isoformat(sep=" ", timespec="seconds") if value else ""


COLUMNS: dict[str, list[Column]] = {
    "log": [
        (_("Date"), lambda line: _moment(line.at)),
        (_("Level"), lambda line: line.get_level_display()),
        (_("Message"), lambda line: line.message),
    ],
    "sending": [
        (_("Number"), lambda message: message.seq),
        (_("Profile"), lambda message: message.profile_id),
        (_("Address"), lambda message: message.address),
        (_("Status"), lambda message: message.get_status_display()),
        (_("Date"), lambda message: _moment(message.at)),
        (_("Nature"), lambda message: message.get_nature_display() if message.nature else ""),
        (_("Reason"), lambda message: message.get_reason_display()),
        (_("Answer of the server"), lambda message: message.reply),
        (_("Tries"), lambda message: message.tries),
        (_("Next try"), lambda message: _moment(message.next_try)),
    ],
    "exclusions": [
        (_("Profile"), lambda exclusion: exclusion.profile_id),
        (_("Address"), lambda exclusion: exclusion.address),
        (_("Cause"), lambda exclusion: exclusion.get_cause_display()),
    ],
    "tracking": [
        (_("Date"), lambda hit: _moment(hit.at)),
        (_("Number"), lambda hit: hit.seq),
        (_("Profile"), lambda hit: hit.profile_id),
        (_("Address"), lambda hit: hit.address),
        (_("Type"), lambda hit: hit.get_kind_display()),
        (_("Link"), lambda hit: hit.link),
        (_("Asked by"), lambda hit: hit.get_agent_kind_display()),
        (_("Program"), lambda hit: hit.agent),
    ],
}


def export(*, delivery: Delivery, log: Log, chosen: dict[str, str], by: User) -> Iterator[str]:
    """The file, line by line, read by a cursor on the server: memory does not grow with the rows."""
    access.require(by, Right.EXPORT, delivery)
    audit.record("export_log", by=by, target=delivery, log=log.code, filters=chosen)
    header = [str(label) for label, _read in COLUMNS[log.code]]
    return csv.safe_rows(chain([header], _cells(log, log.rows(delivery, chosen))))


def _cells(log: Log, rows: QuerySet[Any]) -> Iterator[list[Any]]:
    columns = COLUMNS[log.code]
    for row in rows.iterator(chunk_size=ROWS_AT_A_TIME):
        yield [read(row) for _label, read in columns]


def export_lists(*, delivery: Delivery, code: str, by: User) -> Iterator[str]:
    """The two lists that need no pages: exclusion causes and tracked URLs."""
    access.require(by, Right.EXPORT, delivery)
    audit.record("export_log", by=by, target=delivery, log=code, filters={})
    if code == "causes":
        rows: Any = ((row.label, row.cause, row.number) for row in logs.causes(delivery))
        header = [_("Cause"), _("Code"), _("Volume")]
    else:
        urls = logs.tracked_urls(delivery)
        rows = ((row.label, logs.URL_KINDS[row.kind], row.url, row.clicks, row.people) for row in urls)
        header = [_("Label"), _("Type"), _("Source URL"), _("Clicks"), _("People")]
    return csv.safe_rows(
        [str(cell) if isinstance(cell, Promise) else cell for cell in row] for row in chain([header], rows)
    )
