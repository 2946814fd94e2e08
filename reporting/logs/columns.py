"""The columns of a delivery's logs on their pages: which there are, which a person chose, and which one begins with."""

from collections.abc import Collection
from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts import remembering
from accounts.models import User
from campaign.lib.refusals import Refusal


class NoSuchColumn(Refusal):
    message = _("This log has no column “%(name)s”. It has %(known)s.")
    code = "no_such_column"
    exit_code = 2


@dataclass(frozen=True)
class LogColumn:
    """A column by the name that addresses and commands know it by; `is_first` where one begins with it."""

    name: str
    label: str | Promise
    is_first: bool = True


def _more(name: str, label: str | Promise) -> LogColumn:
    return LogColumn(name, label, is_first=False)


BY_LOG: dict[str, tuple[LogColumn, ...]] = {
    "log": (
        LogColumn("message", _("Message")),
        LogColumn("date", _("Date")),
        LogColumn("level", _("Level")),
    ),
    "sending": (
        LogColumn("address", _("Address")),
        LogColumn("status", _("Status")),
        LogColumn("date", _("Date")),
        LogColumn("nature", _("Nature of failure")),
        LogColumn("reason", _("Reason")),
        LogColumn("tries", _("Tries")),
        LogColumn("next_try", _("Next try")),
        _more("number", _("Number")),
        _more("profile", _("Profile")),
        _more("answer", _("Answer of the server")),
        _more("bounced", pgettext_lazy("moment", "Bounced")),
    ),
    "unknown": (
        LogColumn("address", _("Address")),
        LogColumn("since", _("Since")),
        LogColumn("tries", _("Tries")),
        LogColumn("again_from", _("May be sent again from")),
        LogColumn("note", _("Note")),
        _more("number", _("Number")),
    ),
    "exclusions": (
        LogColumn("address", _("Address")),
        LogColumn("date", _("Date")),
        LogColumn("status", _("Status")),
        LogColumn("nature", _("Nature of failure")),
        LogColumn("reason", _("Reason")),
        LogColumn("profile", _("Profile")),
    ),
    "causes": (
        LogColumn("cause", _("Exclusion cause")),
        _more("code", _("Code")),
        _more("date", _("Date")),
        LogColumn("volume", _("Volume")),
    ),
    "tracking": (
        LogColumn("recipient", _("Recipient")),
        LogColumn("type", _("Type")),
        LogColumn("label", _("Label")),
        LogColumn("date", _("Date")),
        LogColumn("asked_by", _("Asked by")),
        _more("number", _("Number")),
        _more("program", _("Program")),
        _more("network", _("Network")),
        _more("after", _("Seconds after acceptance")),
    ),
    "urls": (
        LogColumn("label", _("Tracked URL")),
        LogColumn("type", _("Type")),
        LogColumn("url", _("Source URL")),
        LogColumn("clicks", _("Clicks")),
        LogColumn("people", _("People")),
    ),
}
# The first of each log names its rows, and leads to them.
ALWAYS = {code: columns[0].name for code, columns in BY_LOG.items()}


def shown(user: User, code: str) -> frozenset[str]:
    """The names of the columns that this person sees of a log, in one query."""
    left = remembering.recall(user, _place(code)).get("columns", "")
    known = {column.name for column in BY_LOG[code]}
    chosen = known.intersection(left.split(","))
    if not chosen:
        chosen = {column.name for column in BY_LOG[code] if column.is_first}
    return frozenset({*chosen, ALWAYS[code]})


def choose(*, user: User, code: str, names: Collection[str]) -> None:
    """The person sees these columns of the log from now on, of every delivery; with none, those one begins with.

    Raise NoSuchColumn for a name that the log doesn't have.
    """
    check(code, names)
    remembering.remember(user=user, name=_place(code), values={"columns": ",".join(sorted(set(names)))})


def check(code: str, names: Collection[str]) -> None:
    """Raise NoSuchColumn for a name that the log doesn't have."""
    known = [column.name for column in BY_LOG[code]]
    for name in names:
        if name not in known:
            raise NoSuchColumn(name=name, known=", ".join(known))


def offered(user: User, code: str) -> list[tuple[LogColumn, bool]]:
    """Each column of a log beside those that are always there, and whether the person sees it."""
    seen = shown(user, code)
    return [(column, column.name in seen) for column in BY_LOG[code] if column.name != ALWAYS[code]]


def _place(code: str) -> str:
    return f"log-columns:{code}"
