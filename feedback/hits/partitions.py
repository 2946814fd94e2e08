"""The tracking log lies in partitions, one for each month of its ids, which are ordered by when they were made.

Partitions are made ahead, and an old month goes by dropping its partition: no row of it is touched. What no partition
is for lies in the default one, from where `keep` moves it once there is one.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar
from uuid import UUID

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_lazy as _
from psycopg.errors import LockNotAvailable

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from campaign.lib import partitions as lib
from campaign.lib.refusals import Refusal
from feedback.models import first_id_at, moment_of

TABLE, DEFAULT = "feedback_hit", "feedback_hit_default"
MONTHS_AHEAD = 3
T = TypeVar("T")
PAUSES = lib.PAUSES
_IDS = re.compile(
    r"FROM \((?:'(?P<first>[0-9a-f-]{36})'|MINVALUE)\) TO \((?:'(?P<end>[0-9a-f-]{36})'|MAXVALUE)\)"
)
# The first 48 bits of an id are the milliseconds since 1970; the least id of each month is told.
_MONTHS_OF_STRAYS = f"""
    SELECT (array_agg(id ORDER BY id))[1] FROM {DEFAULT} CROSS JOIN LATERAL (
        SELECT ('x' || left(replace(id::text, '-', ''), 12))::bit(48)::bigint / 1000.0 AS since
    ) made GROUP BY date_trunc('month', to_timestamp(since), 'UTC')
"""


class NotThere(Refusal):
    message = _("There is no partition “%(name)s” of the tracking log.")
    code = "no_such_partition"


class StillNeeded(Refusal):
    message = _(
        "Only the oldest partition can be dropped, and only once its last month is over: that is “%(name)s”."
    )
    code = "partition_is_needed"


class Busy(Refusal):
    message = _("The tracking log is busy; nothing was changed. Try again in a moment.")
    code = "busy"


@dataclass(frozen=True)
class Partition:
    """A part of the tracking log: what came from `begins` up to `ends`, each None where it has no such bound."""

    name: str
    begins: datetime | None
    ends: datetime | None
    rows: int  # about: as PostgreSQL counted last
    octets: int  # with its indexes

    @property
    def is_default(self) -> bool:
        return self.name == DEFAULT

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {
            "name": self.name, "begins": self.begins, "ends": self.ends, "rows": self.rows, "octets": self.octets,
        }  # fmt: skip


def partitions() -> list[Partition]:
    """All of them, the oldest first and the default one last."""
    found = [_read(part) for part in lib.parts(TABLE)]
    earliest = datetime.min.replace(tzinfo=UTC)
    return sorted(found, key=lambda each: (each.is_default, each.begins or earliest))


def _read(part: lib.Part) -> Partition:
    found = _IDS.search(part.bounds)
    first, end = (found["first"], found["end"]) if found else (None, None)
    return Partition(part.name, _moment(first), _moment(end), part.rows, part.octets)


def _moment(bound: str | None) -> datetime | None:
    return moment_of(UUID(bound)) if bound else None


def kept_since() -> datetime | None:
    """Hits from before this moment are gone, by dropping them; None where none is."""
    bounded = [each for each in partitions() if not each.is_default]
    return bounded[0].begins if bounded else None


def made_until() -> datetime:
    """Up to when what comes from now on has a partition of its own; now, where it has none."""
    until = datetime.now(UTC)
    for each in partitions():
        begun = not each.is_default and (each.begins is None or each.begins <= until)
        if begun and each.ends is not None and each.ends > until:
            until = each.ends
    return until


def strays() -> int:
    """How many hits lie in the default partition, which should be empty."""
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {DEFAULT}")
        return int(cursor.fetchone()[0])


def keep() -> list[str]:
    """Each month up to MONTHS_AHEAD has its partition, and what lay in the default one for want of it lies there.

    Return the names of those that were made. Raise Busy where the table is, for all the time that is tried.
    """
    made = [_name(month) for month in _months_without() if _patiently(partial(_make, month))]
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {TABLE}")  # PostgreSQL's own care leaves out what holds partitions
    return made


def drop(*, name: str, by: User) -> Partition:
    """The partition and its hits are gone; figures stay as they were counted.

    Raise NotAllowed for whoever doesn't administer everything, NotThere, StillNeeded where it isn't the oldest or its
    time isn't over, Busy.
    """
    access.require(by, Right.ADMINISTER, root())
    found = partitions()
    wanted = next((each for each in found if each.name == name), None)
    if wanted is None:
        raise NotThere(name=name)
    if wanted is not found[0] or wanted.ends is None or wanted.ends > datetime.now(UTC):
        raise StillNeeded(name=found[0].name)
    _patiently(partial(_drop, wanted, by=by))
    return wanted


@transaction.atomic
def _drop(wanted: Partition, *, by: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(lib.PATIENCE)
    lib.drop(TABLE, wanted.name)
    audit.record(
        "drop_hits",
        by=by,
        partition=wanted.name,
        rows=wanted.rows,
        until=wanted.ends and wanted.ends.isoformat(),
    )


def _patiently(change: Callable[[], T]) -> T:
    """Make the change as soon as nobody holds the table, and hold up nobody meanwhile. Raise Busy."""
    try:
        return lib.patiently(change, pauses=PAUSES)
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
        raise Busy from error


def _months_without() -> list[datetime]:
    """The first days of months that are to have a partition and have none: now and soon, and of what strayed."""
    first = _month(datetime.now(UTC))
    wanted = [first]
    for _number in range(MONTHS_AHEAD):
        wanted.append(_month_after(wanted[-1]))
    with connection.cursor() as cursor:
        cursor.execute(_MONTHS_OF_STRAYS)
        strayed = {_month(at) for (number,) in cursor.fetchall() if (at := moment_of(number)) is not None}
    there = [each for each in partitions() if not each.is_default]
    # A month that was dropped gets none again: what is kept is whole from the first partition on.
    since = there[0].begins if there else None
    candidates = sorted(
        {*wanted, *(month for month in strayed if month < wanted[-1] and (since is None or month > since))}
    )
    return [month for month in candidates if not any(_covers(each, month) for each in there)]


def _covers(partition: Partition, month: datetime) -> bool:
    after = partition.begins is None or partition.begins < _month_after(month)
    return after and (partition.ends is None or partition.ends > month)


def _make(month: datetime) -> bool:
    """The month has its partition; False where another process made it meanwhile."""
    name, first, end = _name(month), first_id_at(month), first_id_at(_month_after(month))
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(lib.PATIENCE)
        # One at a time; whoever reads or writes hits is held up by the default partition alone, for this moment.
        cursor.execute(f"LOCK TABLE ONLY {TABLE} IN SHARE UPDATE EXCLUSIVE MODE")
        cursor.execute("SELECT to_regclass(%s) IS NOT NULL", [name])
        if cursor.fetchone()[0]:
            return False
        cursor.execute(f"CREATE TABLE {name} (LIKE {TABLE} INCLUDING ALL)")
        cursor.execute(f"LOCK TABLE {DEFAULT} IN ACCESS EXCLUSIVE MODE")
        cursor.execute(
            f"WITH moved AS (DELETE FROM {DEFAULT} WHERE id >= %s AND id < %s RETURNING *)"
            f" INSERT INTO {name} SELECT * FROM moved",
            [first, end],
        )
        cursor.execute(
            f"ALTER TABLE {TABLE} ATTACH PARTITION {name} FOR VALUES FROM ('{first}') TO ('{end}')"
        )
    return True


def _name(month: datetime) -> str:
    return f"{TABLE}_{month:%Y_%m}"


def _month(at: datetime) -> datetime:
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def _month_after(month: datetime) -> datetime:
    return _month(month + timedelta(days=32))
