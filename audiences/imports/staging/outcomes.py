"""What becomes of each line of a file in a dry run: kept apart from the rehearsal, which is rolled back.

Lines are written to a spool as they are found, some thousands to a row, and reach the database only once the rehearsal
is over. So memory does not grow with the file, and nothing of it is seen before all of it is.
"""

from array import array
from collections.abc import Iterable
from enum import StrEnum
from tempfile import SpooledTemporaryFile
from typing import IO, TYPE_CHECKING, Any

from django.db import connection
from psycopg import sql

from audiences.models import Import, ImportLines

if TYPE_CHECKING:
    from audiences.imports.staging.tables import Staging

CHUNK = 1_000  # lines to a row
IN_MEMORY = 4 << 20  # octets


class Outcome(StrEnum):
    """What a dry run says of lines. Most are named as the counts of an import are."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REPEATED = "repeated"
    NAMED_TWICE = "named_twice"  # by id and by address
    FLAGGED = "flagged"
    OPTED_OUT = "opted_out"
    UNCLEAR = "unclear"
    HELD = "held_addresses"
    BROKEN = "bad_rows"
    SKIPPED = "skipped"
    FOREIGN = "foreign"
    ERASED = "erased"
    CLEANED = "cleaned"


# The lines behind each count that people see.
BEHIND: dict[str, tuple[Outcome, ...]] = {
    "created": (Outcome.CREATED,),
    "updated": (Outcome.UPDATED,),
    "unchanged": (Outcome.UNCHANGED,),
    "opted_out": (Outcome.OPTED_OUT,),
    "unclear": (Outcome.UNCLEAR,),
    "held_addresses": (Outcome.HELD,),
    "repeated": (Outcome.REPEATED, Outcome.NAMED_TWICE),
    "flagged": (Outcome.FLAGGED,),
    "cleaned": (Outcome.CLEANED,),
    "bad_rows": (Outcome.BROKEN,),
    "skipped": (Outcome.SKIPPED, Outcome.FOREIGN, Outcome.ERASED),
}


class Lines:
    """The lines of one run, by their outcomes. An import that is no dry run notes none."""

    def __init__(self, import_id: int, *, noted: bool) -> None:
        self.import_id, self.noted = import_id, noted
        self.spool = _spool()
        self.pending: dict[Outcome, array[int]] = {}

    def add(self, outcome: Outcome, line: int) -> None:
        """A line that was told by reading it; `flush` says when no earlier one will follow."""
        if self.noted:
            self.pending.setdefault(outcome, array("q")).append(line)

    def flush(self) -> None:
        """All lines up to here were added."""
        for outcome, lines in self.pending.items():
            ordered = sorted(set(lines))
            for start in range(0, len(ordered), CHUNK):
                self._write(outcome, ordered[start : start + CHUNK])
        self.pending.clear()

    def _write(self, outcome: Outcome, lines: list[int]) -> None:
        numbers = ",".join(map(str, lines))
        self.spool.write(f"{self.import_id}\t{outcome}\t{lines[-1]}\t{{{numbers}}}\n".encode())

    def found(
        self,
        tables: "Staging",
        outcome: Outcome,
        lines: str,
        values: dict[str, Any] | None = None,
        **parts: sql.Composable,
    ) -> None:
        """The lines that a query tells, once for each outcome: `values` and `parts` are put into it."""
        if not self.noted:
            return
        query = f"""
            COPY (
                SELECT {int(self.import_id)}, '{outcome.value}', max(line), array_agg(line ORDER BY line)
                FROM (SELECT line, (row_number() OVER (ORDER BY line) - 1) / {CHUNK} AS chunk
                      FROM (SELECT DISTINCT line FROM ({lines}) AS found) AS once) AS numbered
                GROUP BY chunk ORDER BY chunk
            ) TO STDOUT
        """
        literals = {name: sql.Literal(value) for name, value in (values or {}).items()}
        statement = tables.part(query, **parts, **literals)
        with connection.cursor() as cursor, cursor.copy(statement) as source:
            for block in source:
                self.spool.write(block)

    def store(self) -> None:
        """The database has the lines of this run, and none of another."""
        ImportLines.objects.filter(importing=self.import_id).delete()
        if not self.noted:
            return
        self.flush()
        self.spool.seek(0)
        table = ImportLines._meta.db_table
        statement = f"COPY {table} (importing_id, outcome, last, lines) FROM STDIN"
        with connection.cursor() as cursor, cursor.copy(statement) as target:
            while block := self.spool.read(1 << 16):
                target.write(block)

    def forget(self) -> None:
        """Begin anew."""
        self.pending.clear()
        self.spool.close()
        self.spool = _spool()


def _spool() -> IO[bytes]:
    return SpooledTemporaryFile(max_size=IN_MEMORY)


def lines_behind(importing: Import, count: str, *, after: int, most: int) -> list[int]:
    """The next lines behind a count, after a line, `most` at most; none for a count that has no lines."""
    found: set[int] = set()
    for outcome in BEHIND.get(count, ()):
        found |= set(_next(importing, outcome, after, most))
    return sorted(found)[:most]


def _next(importing: Import, outcome: Outcome, after: int, most: int) -> Iterable[int]:
    chunks = importing.lines.filter(outcome=outcome, last__gt=after).order_by("last")
    taken: list[int] = []
    for lines in chunks.values_list("lines", flat=True)[: most // CHUNK + 2]:
        taken += [line for line in lines if line > after]
        if len(taken) >= most:
            break
    return taken[:most]
