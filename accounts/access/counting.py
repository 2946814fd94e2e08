"""How many rows there are for a person: for the numbers that stand on every page."""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from accounts.access.guardian_rows import grants_on_units
from accounts.models import User
from campaign.lib import prepared

PEOPLE_KEPT = 512  # of whom a process remembers the statement

Statement = tuple[str, tuple[Any, ...]]


def counters(rows: Callable[[User], Mapping[str, QuerySet[Any]]]) -> Callable[[User], dict[str, int]]:
    """Return what counts these lists of a person by name, in one query beside that for their rights.

    The rows may hang on the person and their rights alone: the statement is put together once for each set of rights,
    and its plan is kept, as both take ten times as long as the answer.
    """

    @lru_cache(maxsize=PEOPLE_KEPT)
    def statement(user: User, _is_superuser: bool, _grants: tuple[tuple[str, str], ...]) -> Statement:
        return _statement(rows(user))

    def count(user: User) -> dict[str, int]:
        if not user.is_active:
            return {}
        asked, values = statement(user, user.is_superuser, tuple(sorted(grants_on_units(user))))
        return dict(prepared.rows(asked, values)) if asked else {}

    return count


def counter(rows: Callable[[User], QuerySet[Any]]) -> Callable[[User], int]:
    """Return what counts these rows of a person, as `counters` does."""
    count = counters(lambda user: {"rows": rows(user)})
    return lambda user: sum(count(user).values())


def _statement(lists: Mapping[str, QuerySet[Any]]) -> Statement:
    parts: list[str] = []
    values: list[Any] = []
    for name, rows in lists.items():
        try:
            found, own = rows.query.sql_with_params()
        except EmptyResultSet:  # rights of which Django knows that they give no row
            continue
        parts.append(f"SELECT '{name}', count(*) FROM ({found}) AS rows")
        values += own
    return " UNION ALL ".join(parts), tuple(values)
