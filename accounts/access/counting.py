"""How many rows there are for a person: for the numbers that stand on every page."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.models import QuerySet

from accounts.access.guardian_rows import grants_on_units
from accounts.models import User
from campaign.lib import prepared

PEOPLE_KEPT = 512  # of whom a process remembers the statement


def counter(rows: Callable[[User], QuerySet[Any]]) -> Callable[[User], int]:
    """Return what counts these rows of a person, in one query beside that for their rights.

    The rows may hang on the person and their rights alone: the statement is put together once for each set of rights,
    and its plan is kept, as both take ten times as long as the answer.
    """

    @lru_cache(maxsize=PEOPLE_KEPT)
    def statement(
        user: User, _is_superuser: bool, _grants: tuple[tuple[str, str], ...]
    ) -> tuple[str, tuple[Any, ...]]:
        try:
            found, values = rows(user).query.sql_with_params()
        except EmptyResultSet:  # rights of which Django knows that they give no row
            return "SELECT 0", ()
        return f"SELECT count(*) FROM ({found}) AS rows", tuple(values)

    def count(user: User) -> int:
        if not user.is_active:
            return 0
        return int(
            prepared.rows(*statement(user, user.is_superuser, tuple(sorted(grants_on_units(user)))))[0][0]
        )

    return count
