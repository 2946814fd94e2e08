"""What stands in the file of a log, column by column: read in Python for pages and commands, in SQL for files."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from audiences import sight
from deliveries.models import Cause, LogLine, MessageStatus, Nature, Reason
from feedback.agents import AgentKind
from feedback.models import HitKind
from reporting.exports import export_sql
from reporting.exports.export_sql import Reader


@dataclass(frozen=True)
class Column:
    """A column of a file: the fields that it is read from, and what makes its text of them.

    `choices` are its words, where it has a few; `is_free` says that its text is anybody's, as far as SQL makes it.
    """

    label: str | Promise
    fields: tuple[str, ...]
    read: Callable[..., Any] | None = None
    code: Callable[[Any], Any] | None = None  # what a program reads in place of the words
    sql: Reader | None = None
    choices: Sequence[tuple[Any, Any]] = ()
    is_free: bool = False

    def of(self, row: Any) -> Any:
        """What stands in the column for a row of the log."""
        return self.made_of([getattr(row, field) for field in self.fields])

    def made_of(self, values: Sequence[Any]) -> Any:
        """What stands in the column for the values of its fields."""
        if self.choices:
            return next((str(label) for value, label in self.choices if value == values[0]), values[0])
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


def moment(value: datetime | None) -> str:
    """A moment as files have it: UTC, to the second; empty where there is none."""
    return value.astimezone(UTC).isoformat(sep=" ", timespec="seconds") if value else ""


def _seconds(value: float | None) -> float | str:
    return "" if value is None else round(value * 10) / 10


def _if_seen(value: Any, is_seen: bool) -> Any:
    """What would tell who the person is, for whoever may see the person."""
    return value if is_seen else ""


def _told(text: str | None, is_seen: bool, is_clear: bool) -> str:
    return sight.told(text or "", is_seen, is_clear)


def _line(text: str, slots: dict[str, Any]) -> str:
    return LogLine(text=text, slots=slots).message


def _words(label: Any, field: str, choices: Any, *, code: Callable[[Any], Any] = _stored) -> Column:
    return Column(label, (field,), code=code, choices=choices)


def _number(label: Any, field: str) -> Column:
    return Column(label, (field,), sql=export_sql.number)


def _date(label: Any, field: str) -> Column:
    return Column(label, (field,), moment, sql=export_sql.moment)


def _answer(label: Any, field: str) -> Column:
    """A text of a server about a person."""
    return Column(label, (field, "is_seen", "is_clear"), _told, sql=export_sql.told, is_free=True)


def _text(label: Any, field: str) -> Column:
    return Column(label, (field,), sql=export_sql.text, is_free=True)


_PROFILE = Column(_("Profile"), ("profile_id", "is_seen"), _if_seen, sql=export_sql.number_if_seen)
_ADDRESS = Column(
    _("Address"), ("address", "is_seen", "is_clear"), sight.shown, sql=export_sql.address, is_free=True
)
BY_LOG: dict[str, list[Column]] = {
    "log": [
        Column(_("Date"), ("at",), moment),
        _words(_("Level"), "level", LogLine.Level.choices),
        Column(_("Message"), ("text", "slots"), _line),
    ],
    "sending": [
        _number(_("Number"), "seq"),
        _PROFILE,
        _ADDRESS,
        _words(_("Status"), "status", MessageStatus.choices, code=_name),
        _date(_("Date"), "at"),
        _words(_("Nature"), "nature", [*Nature.choices, ("", "")]),
        _words(_("Reason"), "reason", Reason.choices),
        _answer(_("Answer of the server"), "reply"),
        _number(_("Tries"), "tries"),
        _date(_("Next try"), "next_try"),
        _date(_("Outcome of the first unknown since"), "first_unknown"),
        _date(pgettext_lazy("moment", "Bounced"), "bounced_at"),
        _answer(_("Text of the report"), "bounce_text"),
    ],
    "unknown": [
        _number(_("Number"), "seq"),
        _ADDRESS,
        _date(_("Since"), "since"),
        _number(_("Tries"), "tries"),
        _text(_("Note"), "note"),
    ],
    "exclusions": [_PROFILE, _ADDRESS, _words(_("Cause"), "cause", Cause.choices)],
    "tracking": [
        _date(_("Date"), "at"),
        _number(_("Number"), "seq"),
        _PROFILE,
        _ADDRESS,
        _words(_("Type"), "kind", HitKind.choices),
        _number(_("Link"), "link"),
        _words(_("Asked by"), "agent_kind", AgentKind.choices),
        _text(_("Program"), "agent"),
        Column(_("Network"), ("network", "is_seen"), _if_seen, sql=export_sql.text_if_seen, is_free=True),
        Column(_("Method"), ("method",), sql=export_sql.text),
        Column(_("Fetched ahead"), ("is_prefetch",), int, sql=export_sql.yes_no),
        Column(_("Seconds after acceptance"), ("after",), _seconds, sql=export_sql.tenths),
    ],
}


def is_made_by_sql(columns: Sequence[Column]) -> bool:
    """Whether PostgreSQL can make the lines: a line of the delivery's own log is put together by Python."""
    return all(column.choices or column.sql is not None for column in columns)
