"""The SQL of an import: a staging table of its own connection, and the merge of its rows into the profiles.

`create` and `copy` run outside any transaction, so that the page sees how far the reading is; `merge` runs
inside one, so that either all of a file comes in or nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import connection
from django.utils.translation import gettext_noop
from psycopg import sql

from accounts import access
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from audiences import consents
from audiences.columns import NULL, Mapping
from audiences.models import Import
from audiences.rows import KNOWN_BY

ELSEWHERE = gettext_noop("This profile belongs to a unit where you may not import; the row is left out.")
STAYS_OUT = gettext_noop("Opted out before; a file can't opt anybody in again.")
LINES_SHOWN = 1_000
MERGE_LOCK = 0x53494D51

Report = Callable[[list[int], int, str, str], None]

_TYPES = {"birth_date": "date", "no_email": "boolean", "no_sms": "boolean", "no_contact": "boolean"}
_FLAGS = {flag: channel for channel, flag in consents.FLAGS.items()}
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


COPY = f"COPY import_staging FROM STDIN (NULL '{NULL}')"


def create(mapping: Mapping) -> None:
    """An empty staging table with the columns of the mapping."""
    drop()
    named: list[sql.Composable] = [
        sql.SQL("{} {}").format(sql.Identifier(column.name), sql.SQL(_TYPES.get(column.name, "text")))
        for column in mapping.own
    ]
    if mapping.attributes:
        named.append(sql.SQL("attributes jsonb"))
    _execute(
        sql.SQL(
            "CREATE TEMPORARY TABLE import_staging"
            " (line bigint, key text, email_state text, email_key text, {})"
        ).format(sql.SQL(", ").join(named))
    )


def copy(text: str) -> None:
    """The rows of a batch stand in the staging table."""
    with connection.cursor() as cursor, cursor.copy(COPY) as target:
        target.write(text)


def drop() -> None:
    _execute(sql.SQL("DROP TABLE IF EXISTS import_staging, import_matched, import_target"))


def merge(importing: Import, mapping: Mapping, *, at: datetime, report: Report) -> None:
    """The staged rows are profiles; the counts of the import say what changed. The caller commits."""
    _Merge(importing, mapping, at, report).run()


class _Merge:
    def __init__(self, importing: Import, mapping: Mapping, at: datetime, report: Report) -> None:
        self.importing, self.mapping, self.at, self.report = importing, mapping, at, report
        self.names = {column.name for column in mapping.own}

    def run(self) -> None:
        importing = self.importing
        _execute(sql.SQL("SET LOCAL work_mem = '64MB'"))
        # One merge at a time: two files with the same new people must not both create them.
        _execute(sql.SQL("SELECT pg_advisory_xact_lock({})").format(MERGE_LOCK))
        importing.repeated = self._drop_repeated()
        _execute(sql.SQL("ANALYZE import_staging"))
        self._match()
        importing.repeated += self._drop_matched_twice()
        importing.skipped += self._drop_foreign()
        importing.flagged = self._count_flagged()
        self._choose_ids()
        matched = self._count_matched()
        self._report_kept_opt_outs()
        importing.updated = self._update()
        importing.unchanged = matched - importing.updated
        importing.created = self._insert()
        importing.opted_out = self._opt_out()
        self._fill_list()

    def _drop_repeated(self) -> int:
        """Of rows with one key the last one counts."""
        return _execute(
            sql.SQL(
                """
                WITH last AS (SELECT key, max(line) AS line FROM import_staging GROUP BY key HAVING count(*) > 1)
                DELETE FROM import_staging s USING last WHERE s.key = last.key AND s.line < last.line
                """
            )
        )

    def _match(self) -> None:
        """Which rows are profiles already. Addresses are looked for in the import's unit and below alone."""
        below = OrganizationalUnit.objects.filter(path__startswith=self.importing.unit.path)
        known = sql.SQL(" || '|' || ").join(
            sql.SQL("lower(p.{})").format(sql.Identifier(name)) if name in self.names else sql.SQL("''")
            for name in KNOWN_BY
        )
        _execute(
            sql.SQL(
                """
                CREATE TEMPORARY TABLE import_matched ON COMMIT DROP AS
                SELECT s.line, p.id, p.unit_id FROM import_staging s
                JOIN audiences_profile p ON p.external_id = substr(s.key, 2) WHERE left(s.key, 1) = 'i'
                UNION ALL
                (SELECT DISTINCT ON (s.line) s.line, p.id, p.unit_id FROM import_staging s
                 JOIN audiences_profile p ON p.email_key = substr(s.key, 2)
                 WHERE left(s.key, 1) = 'a' AND p.unit_id = ANY(%(below)s)
                 ORDER BY s.line, p.external_id IS NOT NULL, p.id)
                UNION ALL
                (SELECT DISTINCT ON (s.line) s.line, p.id, p.unit_id FROM import_staging s
                 JOIN audiences_profile p ON 'n' || {known} = s.key
                 WHERE left(s.key, 1) = 'n' AND p.unit_id = ANY(%(below)s)
                   AND p.external_id IS NULL AND p.email_key = ''
                 ORDER BY s.line, p.id)
                """
            ).format(known=known),
            {"below": list(below.values_list("pk", flat=True))},
        )
        _execute(sql.SQL("ANALYZE import_matched"))

    def _drop_matched_twice(self) -> int:
        """A profile named once by its id and once by its address: the last row counts here too."""
        return self._leave_out(
            "SELECT line FROM (SELECT line, max(line) OVER (PARTITION BY id) AS last FROM import_matched) m"
            " WHERE line < last"
        )

    def _drop_foreign(self) -> int:
        by = self.importing.started_by
        writable = list(access.units(by, Right.IMPORT).values_list("pk", flat=True)) if by else []
        foreign = "SELECT line FROM import_matched WHERE unit_id <> ALL(%(writable)s)"
        self._report(foreign, "external_id", ELSEWHERE, {"writable": writable})
        return self._leave_out(foreign, {"writable": writable})

    def _leave_out(self, lines: str, values: dict[str, Any] | None = None) -> int:
        deleted = _execute(
            sql.SQL("DELETE FROM import_staging WHERE line IN ({})").format(sql.SQL(lines)), values
        )
        if deleted:
            _execute(
                sql.SQL("DELETE FROM import_matched WHERE line NOT IN (SELECT line FROM import_staging)")
            )
        return deleted

    def _report(self, lines: str, field: str, reason: str, values: dict[str, Any] | None = None) -> None:
        query = sql.SQL("SELECT line, count(*) OVER () FROM ({}) AS found ORDER BY line LIMIT {}")
        rows = _fetch(query.format(sql.SQL(lines), LINES_SHOWN), values)
        if rows:
            self.report([line for line, _total in rows], rows[0][1], field, reason)

    def _count_flagged(self) -> int:
        if "email" not in self.names:
            return 0
        return int(_fetch(sql.SQL("SELECT count(*) FROM import_staging WHERE email_state <> 'good'"))[0][0])

    def _choose_ids(self) -> None:
        """Each row knows its profile's id before it is written: new ones in the order of the file."""
        _execute(
            sql.SQL(
                """
                CREATE TEMPORARY TABLE import_target ON COMMIT DROP AS
                SELECT line, is_new,
                       coalesce(id, nextval(pg_get_serial_sequence('audiences_profile', 'id'))) AS profile_id
                FROM (SELECT s.line, m.id, m.id IS NULL AS is_new
                      FROM import_staging s LEFT JOIN import_matched m USING (line) ORDER BY s.line) AS ordered
                """
            )
        )
        _execute(sql.SQL("ANALYZE import_target"))

    def _count_matched(self) -> int:
        return int(_fetch(sql.SQL("SELECT count(*) FROM import_target WHERE NOT is_new"))[0][0])

    def _report_kept_opt_outs(self) -> None:
        for flag in self.names & set(_FLAGS):
            lines = (
                f"SELECT line FROM import_target JOIN import_staging s USING (line)"
                f" JOIN audiences_profile p ON p.id = profile_id WHERE p.{flag} AND s.{flag} = false"
            )
            self._report(lines, flag, STAYS_OUT)

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
        return _execute(
            sql.SQL(
                """
                UPDATE audiences_profile p SET {changes}, changed_at = %(at)s
                FROM import_staging s JOIN import_target t USING (line)
                WHERE NOT t.is_new AND p.id = t.profile_id AND ({old}) IS DISTINCT FROM ({new})
                """
            ).format(
                changes=sql.SQL(", ").join(sql.SQL(f"{name} = {value}") for name, value in changes),
                old=sql.SQL(", ").join(sql.SQL(f"p.{name}") for name, _value in changes),
                new=sql.SQL(", ").join(sql.SQL(value) for _name, value in changes),
            ),
            values,
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
            **dict.fromkeys(_FLAGS, "false"),
        }
        return _execute(
            sql.SQL(
                """
                INSERT INTO audiences_profile ({names}) SELECT {values}
                FROM import_staging s JOIN import_target t USING (line) WHERE t.is_new ORDER BY t.line
                """
            ).format(
                names=sql.SQL(", ").join(map(sql.Identifier, filled)),
                values=sql.SQL(", ").join(map(sql.SQL, filled.values())),
            ),
            {"unit": self.importing.unit_id, "at": self.at},
        )

    def _opt_out(self) -> int:
        count = 0
        for flag, channel in _FLAGS.items():
            if flag in self.names:
                ids = (
                    f"SELECT profile_id FROM import_target JOIN import_staging s USING (line) WHERE s.{flag}"
                )
                count += consents.opt_out_many(
                    profile_ids=sql.SQL(ids),
                    channel=channel,
                    at=self.at,
                    source="import",
                    by=self.importing.started_by,
                    reference=f"import {self.importing.pk}",
                )
        return count

    def _fill_list(self) -> None:
        if self.importing.audience_id:
            _execute(
                sql.SQL(
                    "INSERT INTO audiences_audiencemember (audience_id, profile_id)"
                    " SELECT %(audience)s, profile_id FROM import_target ON CONFLICT DO NOTHING"
                ),
                {"audience": self.importing.audience_id},
            )


def _execute(statement: sql.Composable, values: dict[str, Any] | None = None) -> int:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.cursor), values)
        return int(cursor.rowcount)


def _fetch(statement: sql.Composable, values: dict[str, Any] | None = None) -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string(cursor.cursor), values)
        return cursor.fetchall()
