"""Messages and exclusions lie in partitions by ranges of delivery ids, each range in both tables alike.

A range has a fixed size (SINETE_PARTITION_DELIVERIES), counted from 0, and is made before the first row of it is
written: ahead by a job, and by each preparation for itself. The first reaches down to whatever was there before. What
was dropped is made again if a delivery of it is prepared after all.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

from django.conf import settings
from django.db import connection

from campaign.lib import partitions, planner

# Room for the next version of each row on its page: results are written there (HOT). Counted and cleared earlier than
# by default, since all rows of a delivery change at once.
_OF_MESSAGES = (
    "fillfactor = 42, autovacuum_vacuum_scale_factor = 0.05, autovacuum_analyze_scale_factor = 0.05,"
    " autovacuum_vacuum_insert_scale_factor = 0.2"
)
TABLES = {"deliveries_message": _OF_MESSAGES, "deliveries_exclusion": ""}
AHEAD = 1  # ranges, behind the one of the next delivery
ANALYSES_ALONE = 180_000  # PostgreSQL from this version on counts what holds partitions without each of them
_BOUNDS = re.compile(r"FROM \((?:'(?P<first>\d+)'|MINVALUE)\) TO \('(?P<end>\d+)'\)")
# What a sequence gave last, given back or not. PostgreSQL's own function is silent where it was set and not asked
# since.
_LAST = "SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {sequence}"
_SEQUENCE = "SELECT pg_get_serial_sequence('deliveries_delivery', 'id')"

_HOLDERS = """
    (WITH RECURSIVE found (id) AS (
        SELECT min(delivery_id) FROM {name}
        UNION ALL SELECT (SELECT min(delivery_id) FROM {name} WHERE delivery_id > found.id) FROM found
        WHERE found.id IS NOT NULL
    ) SELECT id FROM found)
"""


@dataclass(frozen=True)
class Range:
    """Ids of deliveries from `first` (None: it reaches down to all) up to `end` without it, in one of the tables."""

    name: str
    first: int | None
    end: int
    rows: int  # about: as PostgreSQL counted last
    octets: int  # with its indexes; 0 where it was not measured

    @property
    def key(self) -> tuple[int | None, int]:
        return self.first, self.end

    def holds(self, delivery_id: int) -> bool:
        return (self.first is None or self.first <= delivery_id) and delivery_id < self.end

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {
            "name": self.name, "first": self.first, "end": self.end, "rows": self.rows, "octets": self.octets,
        }  # fmt: skip


def ranges(table: str = "deliveries_message", *, measured: bool = False) -> list[Range]:
    """Those of one of the tables, by their ids; with their sizes if measured."""
    found = [_read(part) for part in partitions.parts(table, measured=measured)]
    return sorted(found, key=lambda each: each.end)


def _read(part: partitions.Part) -> Range:
    found = _BOUNDS.search(part.bounds)
    assert found is not None, part.bounds
    first = found["first"]
    return Range(part.name, int(first) if first else None, int(found["end"]), part.rows, part.octets)


def ensure(delivery_id: int) -> list[str]:
    """Rows of this delivery have where to lie; return the names of tables that were made for it.

    Raise OperationalError where the tables are busy for all the time that is tried.
    """
    made = []
    for table, options in TABLES.items():
        if any(each.holds(delivery_id) for each in ranges(table)):
            continue
        first, end = _bounds(table, delivery_id)
        name = f"{table}_{first}"
        change = partial(
            partitions.make, table, name, bounds=(first, end), options=options,
            is_wanted=partial(_is_without, table, delivery_id),
        )  # fmt: skip
        if partitions.patiently(change):
            made.append(name)
    return made


@lru_cache(maxsize=256)
def named(statement: str, delivery_id: int) -> str:
    """The statement with the delivery's number in place of `%(delivery)s`, for whoever asks it again and again.

    So it is planned for the partition that it concerns. With a slot one plan would do for all deliveries: PostgreSQL
    would weigh, and lock each time, all partitions. `%(since)s` becomes an id at which the range begins, or before.
    """
    return statement.replace("%(delivery)s", f"{delivery_id:d}::bigint").replace(
        "%(since)s", f"{since(delivery_id):d}::bigint"
    )


def since(delivery_id: int) -> int:
    """The id from which on the delivery's range may begin: no partition before it has rows of this delivery."""
    size: int = settings.SINETE["partition_deliveries"]
    return delivery_id // size * size


def _is_without(table: str, delivery_id: int) -> bool:
    return not any(each.holds(delivery_id) for each in ranges(table))


def _bounds(table: str, delivery_id: int) -> tuple[int, int]:
    """The range of the delivery; smaller where neighbours were made by another setting."""
    first = since(delivery_id)
    there = ranges(table)
    below = [each.end for each in there if each.end <= delivery_id]
    above = [each.first for each in there if each.first is not None and each.first > delivery_id]
    return max([first, *below]), min([first + settings.SINETE["partition_deliveries"], *above])


def holders(names: Iterable[str]) -> list[int]:
    """The deliveries that have rows in these partitions; a look at an index for each of them."""
    each = " UNION ALL ".join(_HOLDERS.format(name=name) for name in names)
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT DISTINCT id FROM ({each}) h WHERE id IS NOT NULL ORDER BY 1")
        return [row[0] for row in cursor.fetchall()]


def keep() -> list[str]:
    """The next deliveries have where to lie, and PostgreSQL knows what lies there; return the names of what was made.

    Raise OperationalError where the tables are busy for all the time that is tried.
    """
    made = [name for at in _wanted() for name in ensure(at)]
    with connection.cursor() as cursor:
        for table in TABLES:
            cursor.execute(f"ANALYZE {table}")  # PostgreSQL's own care leaves out what holds partitions
    return made


def _wanted() -> list[int]:
    size = settings.SINETE["partition_deliveries"]
    return [last_id() + 1 + number * size for number in range(AHEAD + 1)]


def last_id() -> int:
    """The id of the delivery that was made last, be it there or not."""
    with connection.cursor() as cursor:
        cursor.execute(_LAST.format(sequence=_sequence()))
        return int(cursor.fetchone()[0])


@cache
def _sequence() -> str:
    """The name of the sequence that numbers deliveries, as a statement has it."""
    with connection.cursor() as cursor:
        cursor.execute(_SEQUENCE)
        return str(cursor.fetchone()[0])


def are_ahead() -> bool:
    """Whether the next delivery has where to lie already."""
    following = last_id() + 1
    return all(any(each.holds(following) for each in ranges(table)) for table in TABLES)


def rows_came(number: int, delivery_id: int) -> None:
    """Let the planner know that so many messages just came, where they lie and, when it knows of few, in all."""
    if number < planner.MANY:
        return
    here = next((each.name for each in ranges() if each.holds(delivery_id)), None)
    if here is None:
        return
    planner.rows_came(number, here)
    if planner.server_version() >= ANALYSES_ALONE and _are_mostly_unknown():
        planner.rows_came(number, "deliveries_message", alone=True)


def _are_mostly_unknown() -> bool:
    """Whether there are twice as many messages as PostgreSQL knows of in all; the nightly job counts them."""
    known = planner.known_rows("deliveries_message")
    return sum(each.rows for each in ranges()) >= 2 * known
