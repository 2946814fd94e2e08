"""Pages by key: no count of all rows, no offset, so that page 4,000 costs what page 1 does."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import Q, QuerySet

from campaign.lib import numbers

PAGE_ROWS = 25
ROWS_AT_A_TIME = 2_000


MOST_COUNTED = 10_000


@dataclass
class KeyPage:
    """One page of rows, newest first or in another order, and the keys that lead back and on."""

    rows: list[Any]
    newer: int | None
    older: int | None
    total: int | None = None  # of all pages; one more than MOST_COUNTED: nobody counted to the end
    count_follows: bool = False  # the number is asked for once the page is there

    @property
    def is_counted(self) -> bool:
        """Whether `total` is the number of all rows."""
        return self.total is not None and self.total <= MOST_COUNTED


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


def sorted_page(
    rows: QuerySet[Any], *, key: Any, largest_first: bool, before: Key, after: Key, size: int = PAGE_ROWS
) -> KeyPage:
    """As `key_page`, in the order of an expression that is never null; of the same value the key of the row decides.

    `before` and `after` are keys of rows, from which their place in the order is read: the page that follows one, and
    the page that leads to one. Of a row that is gone nobody knows the place: then it is the first page.
    """
    ordered = rows.annotate(sort_key=key)
    after_key, before_key = numbers.key(after), numbers.key(before)
    cursor = after_key if after_key is not None else before_key
    places = (
        rows.model._default_manager.filter(pk=cursor).annotate(sort_key=key) if cursor is not None else None
    )
    place = places.values_list("sort_key", flat=True).first() if places is not None else None
    if place is None:
        return _page(list(_in_order(ordered, largest_first)[: size + 1]), size, newer=None)
    goes_back = after_key is not None
    sign = "lt" if largest_first != goes_back else "gt"
    beyond = Q(**{f"sort_key__{sign}": place}) | Q(sort_key=place, **{f"pk__{sign}": cursor})
    from_there = ordered.filter(**{f"sort_key__{sign}e": place})  # by itself an index can begin with this
    found = list(_in_order(from_there.filter(beyond), largest_first != goes_back)[: size + 1])
    if goes_back:
        more, found = len(found) > size, found[:size][::-1]
        return KeyPage(found, found[0].pk if more else None, found[-1].pk if found else None)
    return _page(found, size, newer=found[0].pk if found else None)


def _in_order(rows: QuerySet[Any], largest_first: bool) -> QuerySet[Any]:
    return rows.order_by("-sort_key", "-pk") if largest_first else rows.order_by("sort_key", "pk")


def _page(found: list[Any], size: int, *, newer: int | None) -> KeyPage:
    more, found = len(found) > size, found[:size]
    return KeyPage(found, newer, found[-1].pk if more else None)


def bounded_count(rows: QuerySet[Any], *, most: int = MOST_COUNTED) -> int:
    """How many rows there are; `most` and one where there are more, so that counting never takes long."""
    return rows.order_by().values("pk")[: most + 1].count()


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
