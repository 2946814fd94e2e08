"""The SQL of an import: the merge of its staged rows into the profiles.

Rows are staged with commits of their own, so that the page sees how far the reading is; `merge` runs inside one
transaction, so that either all of a file comes in or nothing. A crash of PostgreSQL empties the staging table, and the
merge notices that.

A dry run goes the same way up to the writing, and its transaction is rolled back. New and changed profiles are counted
by the conditions that would write them; they are only written, to be taken back, where the file speaks of consents, as
an opt-out may concern others of the same address. So no row is locked or left dead for a file that doesn't.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext_noop as n_
from psycopg import sql

from accounts import access
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from audiences import search_texts
from audiences.consent import consents, doubts
from audiences.imports.columns.headers import Mapping
from audiences.imports.staging import wish_merge
from audiences.imports.staging.outcomes import Lines, Outcome
from audiences.imports.staging.rows import KNOWN_BY
from audiences.imports.staging.tables import Staging, Values
from audiences.models import Import, Suppression
from audiences.quarantine import erased_addresses, suppressions
from audiences.rules import sizes
from campaign.lib import leases

ELSEWHERE = n_("This profile belongs to a unit where you may not import; the row is left out.")
# What is no good address, or has letters that others may stand for: it may be another spelling of one.
_OTHERWISE = "email <> '' AND (email_key = '' OR email_key ~ '[^[:ascii:]]')"
ERASED = n_("Whoever has this address was erased at their request; the row is left out.")
LINES_SHOWN = 1_000
WORST_SHOWN = 10
MERGE_LOCK = doubts.LOCK

Report = Callable[[list[int], int, str, str], None]

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


# The profiles that the file would change. An UPDATE names the profile itself, a SELECT must.
_WHOSE = "WHERE NOT t.is_new AND p.id = t.profile_id AND ({old}) IS DISTINCT FROM ({new})"
_OF_STAGED = f"FROM {{staging}} s JOIN {{target}} t USING (line) {_WHOSE}"
_CHANGED = f"FROM audiences_profile p, {{staging}} s JOIN {{target}} t USING (line) {_WHOSE}"


def _compared(changes: list[tuple[str, str]]) -> dict[str, sql.Composable]:
    """The old and the new values of an update, side by side."""
    return {
        "old": sql.SQL(", ").join(sql.SQL(f"p.{name}") for name, _value in changes),
        "new": sql.SQL(", ").join(sql.SQL(value) for _name, value in changes),
    }


class SharedIds(Exception):
    """External ids stand beside several addresses: `worst` has line, id and number of the worst, `total` counts all."""

    def __init__(self, worst: list[tuple[int, str, int]], total: int) -> None:
        super().__init__(f"{total} ids are shared")
        self.worst, self.total = worst, total


class Lost(Exception):
    """What was staged is not what is there now."""


def merge(
    run: Staging,
    importing: Import,
    mapping: Mapping,
    *,
    staged: int,
    at: datetime,
    report: Report,
    lines: Lines,
) -> None:
    """The `staged` rows are profiles; the counts of the import say what changed. The caller commits, or rolls back.

    `lines` has the lines behind each count, where it notes any.

    Raises Lost if not all of them are there, SharedIds where ids stand beside several addresses and nobody confirmed.
    """
    _Merge(run, importing, mapping, at, report, lines).run(staged)


class _Merge:
    def __init__(
        self,
        run: Staging,
        importing: Import,
        mapping: Mapping,
        at: datetime,
        report: Report,
        lines: Lines,
    ) -> None:
        self.tables, self.importing, self.mapping, self.at, self.report = run, importing, mapping, at, report
        self.lines = lines
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
        importing.skipped += self._drop_erased()
        self._find_repeated()
        self._refuse_shared_ids()
        self.wishes.gather("key", "{staging} JOIN {repeated} USING (key)")
        importing.repeated = self._drop_repeated()
        self.tables.execute("ANALYZE {staging} (line, key)")
        self._match()
        self.wishes.gather("id", "{staging} JOIN {matched} USING (line)")
        importing.repeated += self._drop_matched_twice()
        importing.skipped += self._drop_foreign()
        importing.flagged = self._count_flagged()
        self._choose_ids()
        matched = self._count_matched()
        self.wishes.report_kept_opt_outs(self._report)
        importing.updated = self._rehearse() if self.lines.noted else self._update()
        importing.unchanged = matched - importing.updated
        importing.created = self._count_new() if self.lines.noted else self._insert()
        self.wishes.apply(self.lines)
        if not self.lines.noted:  # what follows counts nothing
            self._fill_list()
            self._hold_suppressed()
        self.tables.execute("DROP TABLE {repeated}, {matched}, {target}")

    def _count_staged(self, staged: int) -> None:
        there = self.tables.fetch("SELECT count(*) FROM {staging}")[0][0]
        if there != staged:
            raise Lost(f"{there} of {staged} staged rows are there")

    def _drop_erased(self) -> int:
        """Whoever was erased does not come in again, and nothing of their row is kept."""
        if "email" not in self.names or not Suppression.objects.filter(kind=erased_addresses.KEYED).exists():
            return 0
        keys = self.tables.fetch("SELECT DISTINCT email_key FROM {staging} WHERE email_key <> ''")
        others = self.tables.fetch(f"SELECT DISTINCT email FROM {{staging}} WHERE {_OTHERWISE}")
        erased = {
            "erased": sorted(erased_addresses.among(key for (key,) in keys)),
            "spelled": sorted(erased_addresses.are_spelled(text for (text,) in others)),
        }
        of_them = f"email_key = ANY(%(erased)s) OR {_OTHERWISE} AND email = ANY(%(spelled)s)"
        lines = f"SELECT line FROM {{staging}} WHERE {of_them}"
        self.lines.found(self.tables, Outcome.ERASED, re.sub(r"%\((\w+)\)s", r"{\1}", lines), erased)
        self._report(lines, "email", ERASED, erased)
        return self.tables.execute(f"DELETE FROM {{staging}} WHERE {of_them}", erased)

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
        earlier = "SELECT line FROM {staging} s JOIN {repeated} r USING (key) WHERE s.line < r.last"
        self.lines.found(self.tables, Outcome.REPEATED, earlier)
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
        earlier = (
            "SELECT line FROM (SELECT line, max(line) OVER (PARTITION BY id) AS last FROM {matched}) m"
            " WHERE line < last"
        )
        self.lines.found(self.tables, Outcome.NAMED_TWICE, earlier)
        return self._leave_out(earlier)

    def _drop_foreign(self) -> int:
        by = self.importing.started_by
        writable = list(access.units(by, Right.IMPORT).values_list("pk", flat=True)) if by else []
        foreign = "SELECT line FROM {matched} WHERE unit_id <> ALL(%(writable)s)"
        self.lines.found(
            self.tables,
            Outcome.FOREIGN,
            foreign.replace("%(writable)s", "{writable}"),
            {"writable": writable},
        )
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
        flagged = "SELECT line FROM {staging} WHERE email_state <> 'good'"
        self.lines.found(self.tables, Outcome.FLAGGED, flagged)
        return int(self.tables.fetch(f"SELECT count(*) FROM ({flagged}) AS found")[0][0])

    def _choose_ids(self) -> None:
        """Each row knows its profile's id before it is written: new ones in the order of the file."""
        self.tables.execute(
            """
            CREATE UNLOGGED TABLE {target} AS
            SELECT line, is_new, coalesce(
                id, nextval((SELECT pg_get_serial_sequence('audiences_profile', 'id')::regclass))
            ) AS profile_id
            FROM (SELECT s.line, m.id, m.id IS NULL AS is_new
                  FROM {staging} s LEFT JOIN {matched} m USING (line) ORDER BY s.line) AS ordered
            """
        )
        self.tables.execute("ANALYZE {target}")

    def _count_matched(self) -> int:
        return int(self.tables.fetch("SELECT count(*) FROM {target} WHERE NOT is_new")[0][0])

    def _rehearse(self) -> int:
        """How many would change. Only what the file says about consents is tried on profiles as they would be then."""
        changes, values = self._changes()
        self.tables.execute(
            "CREATE UNLOGGED TABLE {changed} AS"
            f" SELECT line {_CHANGED if changes else 'FROM {target} WHERE false'}",
            values,
            **_compared(changes),
        )
        self.lines.found(self.tables, Outcome.CREATED, "SELECT line FROM {target} WHERE is_new")
        self.lines.found(self.tables, Outcome.UPDATED, "SELECT line FROM {changed}")
        same = "SELECT line FROM {target} WHERE NOT is_new EXCEPT SELECT line FROM {changed}"
        self.lines.found(self.tables, Outcome.UNCHANGED, same)
        if self.mapping.wishes:
            self._update()
            self._insert()
        return int(self.tables.fetch("SELECT count(*) FROM {changed}")[0][0])

    def _count_new(self) -> int:
        return int(self.tables.fetch("SELECT count(*) FROM {target} WHERE is_new")[0][0])

    def _changes(self) -> tuple[list[tuple[str, str]], dict[str, Any]]:
        """What an update sets: columns of the profile, each with its new value; and the values in it."""
        changes = [(name, f"s.{name}") for name in sorted(self.names & set(_DEFAULTS))]
        values: dict[str, Any] = {"at": self.at}
        if "email" in self.names:
            changes += [("email_key", "s.email_key"), ("email_state", "s.email_state")]
        if self.mapping.attributes:
            changes.append(("attributes", "(p.attributes - %(names)s::text[]) || s.attributes"))
            values["names"] = [column.name for column in self.mapping.attributes]
        return changes, values

    def _update(self) -> int:
        """What the file says holds for those who are here already; who doesn't change is not touched."""
        changes, values = self._changes()
        if not changes:
            return 0
        update = f"UPDATE audiences_profile p SET {{changes}}, changed_at = %(at)s {_OF_STAGED}"
        if self._count_matched() > search_texts.FEW:
            self.tables.execute(search_texts.LATER)
            note = search_texts.NOTE.format(changed="changed")
            update = f"WITH changed AS ({update} RETURNING p.id), noted AS ({note}) SELECT FROM changed"
        return self.tables.execute(
            update,
            values,
            changes=sql.SQL(", ").join(sql.SQL(f"{name} = {value}") for name, value in changes),
            **_compared(changes),
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
            sizes.forget(self.importing.audience_id)
