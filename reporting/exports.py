"""Logs as files: the rows that the filters leave, streamed, and recorded in the audit trail."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import chain
from operator import itemgetter
from typing import Any

from django.db.models import QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences import export_styles, sight
from campaign.lib import keyset
from deliveries.models import Cause, Delivery, LogLine, MessageStatus, Nature, Reason
from feedback.agents import AgentKind
from feedback.models import HitKind
from reporting import failures, logs, reactions
from reporting.logs import Log


@dataclass(frozen=True)
class Column:
    """A column of a file: the fields that it is read from, and what makes its text of them."""

    label: str | Promise
    fields: tuple[str, ...]
    read: Callable[..., Any] | None = None
    code: Callable[[Any], Any] | None = None  # what a program reads in place of the words

    def of(self, row: Any) -> Any:
        """What stands in the column for a row of the log."""
        values = [getattr(row, field) for field in self.fields]
        return self.read(*values) if self.read else values[0]

    def coded(self, row: Any) -> Any:
        """The same for a program: the code in place of its words."""
        if self.code is not None:
            return self.code(getattr(row, self.fields[0]))
        shown = self.of(row)
        return str(shown) if isinstance(shown, Promise) else shown


def _stored(value: Any) -> Any:
    return value


def _name(status: int) -> str:
    return MessageStatus(status).name.lower()


def _moment(value: datetime | None) -> str:
    return value.astimezone(UTC).isoformat(sep=" ", timespec="seconds") if value else ""


def _seconds(value: float | None) -> float | str:
    return "" if value is None else round(value, 1)


def _if_seen(value: Any, is_seen: bool) -> Any:
    """What would tell who the person is, for whoever may see the person."""
    return value if is_seen else ""


def _line(text: str, slots: dict[str, Any]) -> str:
    return LogLine(text=text, slots=slots).message


def _words(choices: list[tuple[Any, Any]]) -> Callable[[Any], Any]:
    """Each choice in the language of whoever asked: looked up once, not for every row."""
    words = {value: str(label) for value, label in choices}
    return lambda value: words.get(value, value)


def columns(code: str) -> list[Column]:
    """What stands in the file of a log, in the language that is active now."""
    if code == "log":
        return [
            Column(_("Date"), ("at",), _moment),
            Column(_("Level"), ("level",), _words(LogLine.Level.choices), _stored),
            Column(_("Message"), ("text", "slots"), _line),
        ]
    if code == "sending":
        return [
            Column(_("Number"), ("seq",)),
            Column(_("Profile"), ("profile_id", "is_seen"), _if_seen),
            Column(_("Address"), ("address", "is_seen"), sight.shown),
            Column(_("Status"), ("status",), _words(MessageStatus.choices), _name),
            Column(_("Date"), ("at",), _moment),
            Column(_("Nature"), ("nature",), _words([*Nature.choices, ("", "")]), _stored),
            Column(_("Reason"), ("reason",), _words(Reason.choices), _stored),
            Column(_("Answer of the server"), ("reply", "is_seen"), _if_seen),
            Column(_("Tries"), ("tries",)),
            Column(_("Next try"), ("next_try",), _moment),
            Column(_("Outcome of the first unknown since"), ("first_unknown",), _moment),
            Column(pgettext_lazy("moment", "Bounced"), ("bounced_at",), _moment),
            Column(_("Text of the report"), ("bounce_text", "is_seen"), _if_seen),
        ]
    if code == "unknown":
        return [
            Column(_("Number"), ("seq",)),
            Column(_("Address"), ("address", "is_seen"), sight.shown),
            Column(_("Since"), ("since",), _moment),
            Column(_("Tries"), ("tries",)),
            Column(_("Note"), ("note",)),
        ]
    if code == "exclusions":
        return [
            Column(_("Profile"), ("profile_id", "is_seen"), _if_seen),
            Column(_("Address"), ("address", "is_seen"), sight.shown),
            Column(_("Cause"), ("cause",), _words(Cause.choices), _stored),
        ]
    return [
        Column(_("Date"), ("at",), _moment),
        Column(_("Number"), ("seq",)),
        Column(_("Profile"), ("profile_id", "is_seen"), _if_seen),
        Column(_("Address"), ("address", "is_seen"), sight.shown),
        Column(_("Type"), ("kind",), _words(HitKind.choices), _stored),
        Column(_("Link"), ("link",)),
        Column(_("Asked by"), ("agent_kind",), _words(AgentKind.choices), _stored),
        Column(_("Program"), ("agent",)),
        Column(_("Network"), ("network", "is_seen"), _if_seen),
        Column(_("Method"), ("method",)),
        Column(_("Fetched ahead"), ("is_prefetch",), int),
        Column(_("Seconds after acceptance"), ("after",), _seconds),
    ]


def export(*, delivery: Delivery, log: Log, chosen: dict[str, str], by: User) -> Iterator[bytes]:
    """The file in the person's style, line by line: memory does not grow with the rows."""
    access.require(by, Right.EXPORT, delivery)
    audit.record("export_log", by=by, target=delivery, log=log.code, filters=chosen)
    shown = columns(log.code)
    header = [str(column.label) for column in shown]
    return export_styles.written(chain([header], _cells(shown, log, log.rows(delivery, chosen, by))), by=by)


def _cells(shown: list[Column], log: Log, rows: QuerySet[Any]) -> Iterator[list[Any]]:
    fields = [*(field for column in shown for field in column.fields), log.key]
    places, at = [], 0
    for column in shown:
        places.append((at, at + len(column.fields), column.read))
        at += len(column.fields)
    of_file = keyset.each(
        rows.values_list(*fields), key=log.key, newest_first=log.newest_first, read_key=itemgetter(-1)
    )
    for row in of_file:
        yield [read(*row[start:end]) if read else row[start] for start, end, read in places]


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
        (reactions.UNITS[found.unit], _moment(each.begins), each.label, each.opens, each.clicks)
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
