"""Pages by key: no count of all rows, no offset, so that page 4,000 costs what page 1 does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import QuerySet

from campaign.lib import numbers

PAGE_ROWS = 25
ROWS_AT_A_TIME = 2_000


@dataclass(frozen=True)
class KeyPage:
    """One page of rows, newest first, and the keys that lead on."""

    rows: list[Any]
    newer: int | None
    older: int | None


Key = str | int | None


def key_page(rows: QuerySet[Any], *, before: Key, after: Key, size: int = PAGE_ROWS) -> KeyPage:
    """The page before a key (older) or after it (newer); the first page where neither is a number."""
    before_key, after_key = numbers.key(before), numbers.key(after)
    if after_key is not None:
        found = list(rows.filter(pk__gt=after_key).order_by("pk")[: size + 1])
        more, found = len(found) > size, found[:size][::-1]
        return KeyPage(found, found[0].pk if more else None, found[-1].pk if found else None)
    if before_key is not None:
        rows = rows.filter(pk__lt=before_key)
    found = list(rows.order_by("-pk")[: size + 1])
    more, found = len(found) > size, found[:size]
    newer = found[0].pk if before_key is not None and found else None
    return KeyPage(found, newer, found[-1].pk if more else None)


def each(
    rows: QuerySet[Any],
    *,
    key: str = "pk",
    newest_first: bool = False,
    read_key: Callable[[Any], Any] | None = None,
    size: int = ROWS_AT_A_TIME,
) -> Iterator[Any]:
    """Every row once, in the order of its key, so many at a time: memory does not grow with the rows.

    No cursor of the server is held, so it works behind a pooler too; what is read is no single snapshot. `key` is
    unique; `read_key` finds it in a row (an attribute, if it isn't given).
    """
    read_key = read_key or attrgetter(key)
    ordered = rows.order_by(f"-{key}" if newest_first else key)
    page = list(ordered[:size])
    while page:
        yield from page
        if len(page) < size:
            return
        page = list(ordered.filter(**{f"{key}__{'lt' if newest_first else 'gt'}": read_key(page[-1])})[:size])
