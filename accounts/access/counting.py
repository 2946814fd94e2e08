"""How many rows there are for a person: for the numbers that stand on every page."""

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any

from django.db.models import QuerySet

from accounts.access.guardian_rows import Grants, grants_on_units, supposed
from accounts.models import User
from campaign.lib import counts, prepared

KINDS_KEPT = 512  # of rights, for each of which a process remembers the statement
# A statement is put together for a person and units with these keys, which nobody and nothing has.
_PERSON, _FIRST_UNIT = 2_147_000_000, 2_147_000_001
_KEY = re.compile(r"\d+")
_STAND_IN = re.compile(r"(?<!\d)2147\d{6}(?!\d)")


def counters(rows: Callable[[User], Mapping[str, QuerySet[Any]]]) -> Callable[[User], dict[str, int]]:
    """Return what counts these lists of a person by name, in one query beside that for their rights.

    The rows may hang on the person's key and rights alone. The statement is put together once for all who hold the
    same rights in as many units, and its plan is kept, as both take ten times as long as the answer.
    """

    @lru_cache(maxsize=KINDS_KEPT)
    def statement(is_superuser: bool, grants: tuple[tuple[str, str], ...]) -> counts.Statement:
        with supposed(_PERSON, [*grants]):
            return counts.statement(rows(User(pk=_PERSON, is_superuser=is_superuser)).items())

    def count(user: User) -> dict[str, int]:
        if not user.is_active:
            return {}
        grants, keys = _without_keys(grants_on_units(user))
        asked, values = statement(user.is_superuser, grants)
        return dict(prepared.rows(asked, _with_keys(values, {**keys, _PERSON: user.pk}))) if asked else {}

    return count


def counter(rows: Callable[[User], QuerySet[Any]]) -> Callable[[User], int]:
    """Return what counts these rows of a person, as `counters` does."""
    count = counters(lambda user: {"rows": rows(user)})
    return lambda user: sum(count(user).values())


def _without_keys(grants: Grants) -> tuple[tuple[tuple[str, str], ...], dict[int, int]]:
    """The grants with units numbered in the order in which they come, and the key of the unit behind each number."""
    ordered = sorted(grants)
    numbers: dict[str, int] = {}
    for _name, path in ordered:
        for key in _KEY.findall(path):
            numbers.setdefault(key, _FIRST_UNIT + len(numbers))
    numbered = ((name, _KEY.sub(lambda key: str(numbers[key[0]]), path)) for name, path in ordered)
    return tuple(numbered), {number: int(key) for key, number in numbers.items()}


def _with_keys(values: Iterable[Any], keys: Mapping[int, int]) -> tuple[Any, ...]:
    """The statement's values with the keys of those for whom others stood in."""
    return tuple(_with_key(value, keys) for value in values)


def _with_key(value: Any, keys: Mapping[int, int]) -> Any:
    if isinstance(value, int):
        return type(value)(keys[value]) if value in keys else value  # the type tells psycopg the column's
    if isinstance(value, str):
        return _STAND_IN.sub(lambda found: str(keys[int(found[0])]), value)
    if isinstance(value, list):
        return [_with_key(each, keys) for each in value]
    return value
