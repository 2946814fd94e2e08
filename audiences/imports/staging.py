"""The SQL of an import: a staging table of its run, and the merge of its rows into the profiles.

The table is an ordinary unlogged one, named by the import and the token of the run: nothing hangs on a connection, so
it works through a pooler. `create` and `copy` commit by themselves, so that the page sees how far the reading is;
`merge` runs inside one transaction, so that either all of a file comes in or nothing. What a run left that was killed
goes with the next of any import. A crash of PostgreSQL empties the table, which the merge notices.
"""

import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import OperationalError, connection, transaction
from django.utils.translation import gettext_noop as n_
from psycopg import sql

from accounts import access
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from audiences import consents, doubts, suppressions
from audiences.imports import wish_merge, wish_rows
from audiences.imports.columns import NULL
from audiences.imports.headers import Mapping
from audiences.imports.rows import KNOWN_BY
from audiences.models import Import, Suppression
from campaign.lib import leases

ELSEWHERE = n_("This profile belongs to a unit where you may not import; the row is left out.")
LINES_SHOWN = 1_000
WORST_SHOWN = 10
MERGE_LOCK = doubts.LOCK

Values = dict[str, Any] | list[Any] | None
Report = Callable[[list[int], int, str, str], None]

_TYPES = {"birth_date": "date"}
# Every column that an INSERT fills, with what stands there when the file doesn't say.
_DEFAULTS: dict[str, str] = {
    "email": "''",
    "phone": "''",
    "first_name": "''",
    "last_name": "''",
    "language": "''",
    "country": "''",
    "city": "''",
    "time_zone": "''",
    "birth_date": "NULL::date",
}


class SharedIds(Exception):
    """External ids stand beside several addresses: `worst` has line, id and number of the worst, `total` counts all."""

    def __init__(self, worst: list[tuple[int, str, int]], total: int) -> None:
        super().__init__(f"{total} ids are shared")
        self.worst, self.total = worst, total


class Lost(Exception):
    """What was staged is not what is there now."""


@dataclass(frozen=True, slots=True)
class Staging:
    """The tables of one run of an import."""

    import_id: int
    token: int

    @property
    def names(self) -> dict[str, sql.Identifier]:
        return {
            part: sql.Identifier(f"import_{part}_{self.import_id}_{self.token}")
            for part in ("staging", "repeated", "matched", "target")
        }

    def create(self, mapping: Mapping) -> None:
        """An empty staging table with the columns of the mapping; nothing is left of runs that are over."""
        _drop_leftovers(self)
        self.drop()
        named: list[sql.Composable] = [
            sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(_TYPES.get(column.name, "text")))
            for column in mapping.own
        ]
        named += [sql.SQL(f"{name} {kind}") for name, kind in wish_rows.columns_of(mapping.wishes).items()]
        if mapping.attributes:
            named.append(sql.SQL("attributes jsonb"))
        self.execute(
            "CREATE UNLOGGED TABLE {staging} (line bigint, key text, email_state text, email_key text, {columns})"
            " WITH (autovacuum_enabled = false)",
            columns=sql.SQL(", ").join(named),
        )

    def copy(self, text: str) -> int:
        """The rows of a batch stand in the staging table; their number."""
        statement = sql.SQL(f"COPY {{staging}} FROM STDIN (NULL '{NULL}')").format(**self.names)
        with connection.cursor() as cursor:
            with cursor.copy(statement) as target:
                target.write(text)
            return int(cursor.rowcount)

    def drop(self) -> None:
        self.execute("DROP TABLE IF EXISTS {staging}")

    def execute(self, statement: str, values: Values = None, **parts: sql.Composable) -> int:
        """The statement with the names of the tables, and its other parts, put in; how many rows it touched."""
        with connection.cursor() as cursor:
            cursor.execute(self._whole(statement, parts).as_string(cursor.cursor), values)
            return int(cursor.rowcount)

    def fetch(self, statement: str, values: Values = None, **parts: sql.Composable) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(self._whole(statement, parts).as_string(cursor.cursor), values)
            return cursor.fetchall()

    def part(self, statement: str, **parts: sql.Composable) -> sql.Composed:
        """A part of a statement with the tables' names put in."""
        return self._whole(statement, parts)

    def _whole(self, statement: str, parts: dict[str, sql.Composable]) -> sql.Composed:
        return sql.SQL(statement).format(**self.names, **parts)


_LEFT = re.compile(r"import_staging_(\d+)_(\d+)")


def _drop_leftovers(run: Staging) -> None:
    """What killed runs left, of this import and of all that have ended; one that somebody is still at stays for now."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT relname FROM pg_class WHERE relnamespace = current_schema()::regnamespace AND relkind = 'r'"
            " AND relname LIKE 'import\\_staging\\_%'"
        )
        found = [_LEFT.fullmatch(name) for (name,) in cursor.fetchall()]
    left = [Staging(int(match[1]), int(match[2])) for match in found if match]
    going_on = set(
        Import.objects.filter(pk__in=[each.import_id for each in left])
        .exclude(status__in=Import.FINAL).values_list("pk", flat=True)
    )  # fmt: skip
    for each in left:
        if each.import_id not in going_on or (each.import_id == run.import_id and each.token < run.token):
            with suppress(OperationalError), transaction.atomic():
                each.execute("SELECT set_config('lock_timeout', '2s', true)")
                each.drop()


def merge(
    run: Staging, importing: Import, mapping: Mapping, *, staged: int, at: datetime, report: Report
) -> None:
    """The `staged` rows are profiles; the counts of the import say what changed. The caller commits.

    Raises Lost if not all of them are there, SharedIds where ids stand beside several addresses and nobody confirmed.
    """
    _Merge(run, importing, mapping, at, report).run(staged)


class _Merge:
    def __init__(
        self, run: Staging, importing: Import, mapping: Mapping, at: datetime, report: Report
    ) -> None:
        self.tables, self.importing, self.mapping, self.at, self.report = run, importing, mapping, at, report
        self.names = {column.name for column in mapping.own}
        below = OrganizationalUnit.objects.filter(path__startswith=importing.unit.path)
        self.below = list(below.values_list("pk", flat=True))
        self.wishes = wish_merge.WishMerge(run, importing, mapping.wishes, at=at, below=self.below)

    def run(self, staged: int) -> None:
        importing = self.importing
        # One whose worker was frozen is ended by the server after a lease: it holds the lock of all merges.
        self.tables.execute(
            "SELECT set_config('work_mem', '64MB', true), set_config('idle_in_transaction_session_timeout', %s, true)",
            [f"{int(leases.LEASE.total_seconds())}s"],
        )
        # One merge at a time: two files with the same new people must not both create them.
        self.tables.execute("SELECT pg_advisory_xact_lock(%s)", [MERGE_LOCK])
        self._count_staged(staged)
        self._find_repeated()
        self._refuse_shared_ids()
        self.wishes.gather("key", "{staging} JOIN {repeated} USING (key)")
        importing.repeated = self._drop_repeated()
        self.tables.execute("ANALYZE {staging}")
        self._match()
        self.wishes.gather("id", "{staging} JOIN {matched} USING (line)")
        importing.repeated += self._drop_matched_twice()
        importing.skipped += self._drop_foreign()
        importing.flagged = self._count_flagged()
        self._choose_ids()
        matched = self._count_matched()
        self.wishes.report_kept_opt_outs(self._report)
        importing.updated = self._update()
        importing.unchanged = matched - importing.updated
        importing.created = self._insert()
        self.wishes.apply()
        self._fill_list()
        self._hold_suppressed()
        self.tables.execute("DROP TABLE {repeated}, {matched}, {target}")

    def _count_staged(self, staged: int) -> None:
        there = self.tables.fetch("SELECT count(*) FROM {staging}")[0][0]
        if there != staged:
            raise Lost(f"{there} of {staged} staged rows are there")

    def _find_repeated(self) -> None:
        self.tables.execute(
            "CREATE UNLOGGED TABLE {repeated} AS"
            " SELECT key, max(line) AS last FROM {staging} GROUP BY key HAVING count(*) > 1"
        )

    def _refuse_shared_ids(self) -> None:
        """An id of many people is no id: to take it for one would make one person of all of them."""
        if not {"external_id", "email"} <= self.names or self.importing.choices.get("shared_ids"):
            return
        found = self.tables.fetch(
            f"""
            SELECT min(s.line), substr(key, 2), count(DISTINCT s.email_key) AS number, count(*) OVER ()
            FROM {{staging}} s JOIN {{repeated}} r USING (key)
            WHERE left(key, 1) = 'i' AND s.email_key <> ''
            GROUP BY key HAVING count(DISTINCT s.email_key) > 1
            ORDER BY number DESC, min(s.line) LIMIT {WORST_SHOWN}
            """
        )
        if found:
            raise SharedIds([row[:3] for row in found], found[0][3])

    def _drop_repeated(self) -> int:
        """Of rows with one key the last one counts."""
        return self.tables.execute(
            "DELETE FROM {staging} s USING {repeated} r WHERE s.key = r.key AND s.line < r.last"
        )

    def _match(self) -> None:
        """Which rows are profiles already. Addresses are looked for in the import's unit and below alone."""
        known = sql.SQL(" || '|' || ").join(
            sql.SQL("lower(p.{})").format(sql.Identifier(name)) if name in self.names else sql.SQL("''")
            for name in KNOWN_BY
        )
        self.tables.execute(
            """
            CREATE UNLOGGED TABLE {matched} AS
            SELECT s.line, p.id, p.unit_id FROM {staging} s
            JOIN audiences_profile p ON p.external_id = substr(s.key, 2) WHERE left(s.key, 1) = 'i'
            UNION ALL
            (SELECT DISTINCT ON (s.line) s.line, p.id, p.unit_id FROM {staging} s
             JOIN audiences_profile p ON p.email_key = substr(s.key, 2)
             WHERE left(s.key, 1) = 'a' AND p.unit_id = ANY(%(below)s)
             ORDER BY s.line, p.external_id IS NOT NULL, p.id)
            UNION ALL
            (SELECT DISTINCT ON (s.line) s.line, p.id, p.unit_id FROM {staging} s
             JOIN audiences_profile p ON 'n' || {known} = s.key
             WHERE left(s.key, 1) = 'n' AND p.unit_id = ANY(%(below)s)
               AND p.external_id IS NULL AND p.email_key = ''
             ORDER BY s.line, p.id)
            """,
            {"below": self.below},
            known=known,
        )
        self.tables.execute("ANALYZE {matched}")

    def _drop_matched_twice(self) -> int:
        """A profile named once by its id and once by its address: the last row counts here too."""
        return self._leave_out(
            "SELECT line FROM (SELECT line, max(line) OVER (PARTITION BY id) AS last FROM {matched}) m"
            " WHERE line < last"
        )

    def _drop_foreign(self) -> int:
        by = self.importing.started_by
        writable = list(access.units(by, Right.IMPORT).values_list("pk", flat=True)) if by else []
        foreign = "SELECT line FROM {matched} WHERE unit_id <> ALL(%(writable)s)"
        self._report(foreign, "external_id", ELSEWHERE, {"writable": writable})
        return self._leave_out(foreign, {"writable": writable})

    def _leave_out(self, lines: str, values: Values = None) -> int:
        deleted = self.tables.execute(f"DELETE FROM {{staging}} WHERE line IN ({lines})", values)
        if deleted:
            self.tables.execute("DELETE FROM {matched} WHERE line NOT IN (SELECT line FROM {staging})")
        return deleted

    def _report(self, lines: str, field: str, reason: str, values: Values = None) -> None:
        rows = self.tables.fetch(
            f"SELECT line, count(*) OVER () FROM ({lines}) AS found ORDER BY line LIMIT {LINES_SHOWN}", values
        )
        if rows:
            self.report([line for line, _total in rows], rows[0][1], field, reason)

    def _count_flagged(self) -> int:
        if "email" not in self.names:
            return 0
        return int(self.tables.fetch("SELECT count(*) FROM {staging} WHERE email_state <> 'good'")[0][0])

    def _choose_ids(self) -> None:
        """Each row knows its profile's id before it is written: new ones in the order of the file."""
        self.tables.execute(
            """
            CREATE UNLOGGED TABLE {target} AS
            SELECT line, is_new,
                   coalesce(id, nextval(pg_get_serial_sequence('audiences_profile', 'id'))) AS profile_id
            FROM (SELECT s.line, m.id, m.id IS NULL AS is_new
                  FROM {staging} s LEFT JOIN {matched} m USING (line) ORDER BY s.line) AS ordered
            """
        )
        self.tables.execute("ANALYZE {target}")

    def _count_matched(self) -> int:
        return int(self.tables.fetch("SELECT count(*) FROM {target} WHERE NOT is_new")[0][0])

    def _update(self) -> int:
        """What the file says holds for those who are here already; who doesn't change is not touched."""
        changes = [(name, f"s.{name}") for name in sorted(self.names & set(_DEFAULTS))]
        values: dict[str, Any] = {"at": self.at}
        if "email" in self.names:
            changes += [("email_key", "s.email_key"), ("email_state", "s.email_state")]
        if self.mapping.attributes:
            changes.append(("attributes", "(p.attributes - %(names)s::text[]) || s.attributes"))
            values["names"] = [column.name for column in self.mapping.attributes]
        if not changes:
            return 0
        return self.tables.execute(
            """
            UPDATE audiences_profile p SET {changes}, changed_at = %(at)s
            FROM {staging} s JOIN {target} t USING (line)
            WHERE NOT t.is_new AND p.id = t.profile_id AND ({old}) IS DISTINCT FROM ({new})
            """,
            values,
            changes=sql.SQL(", ").join(sql.SQL(f"{name} = {value}") for name, value in changes),
            old=sql.SQL(", ").join(sql.SQL(f"p.{name}") for name, _value in changes),
            new=sql.SQL(", ").join(sql.SQL(value) for _name, value in changes),
        )

    def _insert(self) -> int:
        filled = {name: f"s.{name}" if name in self.names else empty for name, empty in _DEFAULTS.items()}
        filled |= {
            "id": "t.profile_id",
            "unit_id": "%(unit)s",
            "external_id": "NULLIF(s.external_id, '')" if "external_id" in self.names else "NULL",
            "email_key": "s.email_key",
            "email_state": "s.email_state",
            "attributes": "s.attributes" if self.mapping.attributes else "'{}'::jsonb",
            "created_at": "%(at)s",
            "changed_at": "%(at)s",
            **dict.fromkeys(consents.FLAGS.values(), "false"),
        }
        return self.tables.execute(
            """
            INSERT INTO audiences_profile ({columns}) SELECT {filling}
            FROM {staging} s JOIN {target} t USING (line) WHERE t.is_new ORDER BY t.line
            """,
            {"unit": self.importing.unit_id, "at": self.at},
            columns=sql.SQL(", ").join(map(sql.Identifier, filled)),
            filling=sql.SQL(", ").join(map(sql.SQL, filled.values())),
        )

    def _hold_suppressed(self) -> None:
        """Addresses that come in and that a suppression list names by a domain or a hash are on the denylist."""
        if "email" in self.names and Suppression.objects.exists():
            keys = self.tables.fetch("SELECT DISTINCT email_key FROM {staging} WHERE email_key <> ''")
            suppressions.hold_those_among(
                (key for (key,) in keys), at=self.at, reference=f"import {self.importing.pk}"
            )

    def _fill_list(self) -> None:
        if self.importing.audience_id:
            self.tables.execute(
                "INSERT INTO audiences_audiencemember (audience_id, profile_id)"
                " SELECT %(audience)s, profile_id FROM {target} ON CONFLICT DO NOTHING",
                {"audience": self.importing.audience_id},
            )
