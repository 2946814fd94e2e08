"""What a dry run shows: the rows behind each number, page by page."""

import json
from dataclasses import dataclass, field
from typing import Any

from django.db import ProgrammingError, transaction
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from audiences import tracking
from audiences.imports.staging.outcomes import BEHIND, lines_behind
from audiences.imports.staging.tables import Staging
from audiences.models import Import

PAGE = 50
# The numbers of a suppression list, which makes nobody a profile.
_OF_A_LIST = {
    "held_addresses": _("new on the list"),
    "unchanged": _("rows that name nothing new"),
    "skipped": _("rows that name nothing"),
    "cleaned": _("values cleaned or left out"),
    "bad_rows": _("broken rows"),
}
_OUR_OWN = {"line", "key", "email_state", "email_key", "doubt_channel", "no_sms", "no_contact", "no_email"}
_OUR_OWN |= set(tracking.COLUMNS.values())


@dataclass(slots=True)
class ShownLine:
    """A line of the file with what would come of it; no values for who may not see whose they are."""

    line: int
    values: dict[str, str] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows behind a number; `after` leads on, None at the end."""

    rows: list[ShownLine]
    after: int | None


@dataclass(frozen=True, slots=True)
class Number:
    """A count of an import whose rows can be looked at: its name, what it says in words, and how many there are."""

    name: str
    label: str | Promise
    value: int


def numbers(importing: Import) -> list[Number]:
    """The numbers that matter of what a file is: of a suppression list others than of profiles."""
    names = _OF_A_LIST if importing.choices.get("suppression") else BEHIND
    return [Number(name, label_of(importing, name), getattr(importing, name)) for name in names]


def label_of(importing: Import, count: str) -> str | Promise:
    """What a count of this import says, in words."""
    label = Import._meta.get_field(count).verbose_name  # type: ignore[union-attr]  # a count is a column of its own
    return _OF_A_LIST.get(count, label) if importing.choices.get("suppression") else label


def may_see(importing: Import, user: User) -> bool:
    """Whether somebody sees what stands in the file: they brought it, or see everybody of its unit and below."""
    if importing.started_by_id == user.pk:
        return True
    return access.sees_all_below(user, importing.unit)


def rows(importing: Import, count: str, *, user: User, after: int = 0, most: int = PAGE) -> Page:
    """The rows behind a count of a dry run, by their lines, `most` of them from behind a line on."""
    lines = lines_behind(importing, count, after=after, most=most + 1)
    more, lines = len(lines) > most, lines[:most]
    found = {line: ShownLine(line) for line in lines}
    is_seen = may_see(importing, user)
    for problem in importing.problems.filter(line__in=lines):
        text = problem.text if is_seen else problem.text_without_values
        found[problem.line].reasons.append(f"{problem.field} {text}".strip())
    if is_seen:
        for line, values in _staged(importing, lines):
            found[line].values = values
    return Page(list(found.values()), lines[-1] if more else None)


def _staged(importing: Import, lines: list[int]) -> list[tuple[int, dict[str, str]]]:
    """What would be stored, where the staged rows are still there: an outage of the database empties them."""
    table = Staging(importing.pk, importing.token)
    try:
        with transaction.atomic():
            return [(row["line"], _shown(row)) for row in table.at(lines)]
    except ProgrammingError:
        return []


def _shown(row: dict[str, Any]) -> dict[str, str]:
    attributes = json.loads(row.pop("attributes", None) or "{}")
    values = {name: value for name, value in row.items() if name not in _OUR_OWN}
    return {name: str(value) for name, value in {**values, **attributes}.items() if value not in (None, "")}
