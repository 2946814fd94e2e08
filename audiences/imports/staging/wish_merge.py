"""The SQL of what a file says about consents: opt-outs, doubts, quarantine, and consents that are kept.

An import opts people out, never in. What it says of an address holds for each profile of that address in the import's
unit and below: one that keeps the address under another id would be written to all the same.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_noop as n_
from psycopg import sql

from audiences import tracking
from audiences.consent import consents, tracking_consents
from audiences.imports.columns.wishes import Wish
from audiences.imports.staging.outcomes import Lines, Outcome
from audiences.imports.staging.wish_rows import kept_of, tracked_of
from audiences.models import Import
from audiences.quarantine import writer
from audiences.services.subscribing import Origin

if TYPE_CHECKING:
    from audiences.imports.staging.tables import Staging

STAYS_OUT = n_("Opted out before; a file can't opt anybody in again.")

STAYS_UNTRACKED = n_("Refused before to be measured; a file can't agree for anybody who did.")

_FLAGS = {flag: channel.value for channel, flag in consents.FLAGS.items()}

# Whom a row is about: its own profile, and whoever else has its address.
_ABOUT = """
    SELECT t.profile_id, s.line, s.no_email, s.no_sms, s.no_contact, s.said, s.doubt, s.doubt_channel
    FROM {target} t JOIN {staging} s USING (line)
    WHERE s.said IS NOT NULL OR s.doubt IS NOT NULL
    UNION ALL
    SELECT p.id, s.line, s.no_email, s.no_sms, s.no_contact, s.said, s.doubt, s.doubt_channel
    FROM {staging} s JOIN audiences_profile p ON p.email_key = s.email_key
    WHERE (s.said IS NOT NULL OR s.doubt IS NOT NULL) AND s.email_key <> '' AND p.unit_id = ANY(%(below)s)
"""


_WRITTEN = (
    (
        Outcome.OPTED_OUT,
        "audiences_consentevent",
        "w.opted_out AND w.purpose = '' AND (a.no_email OR a.no_sms OR a.no_contact)",
    ),
    (Outcome.UNCLEAR, "audiences_consentdoubt", "a.doubt IS NOT NULL"),
)


def _as_literals(query: str) -> str:
    """COPY takes no parameters: what they stand for is put in."""
    return query.replace("%(below)s", "{below}").replace("%(reference)s", "{reference}")


class WishMerge:
    """One run's part of the merge; does nothing for a file without columns about consent."""

    def __init__(
        self, tables: "Staging", importing: Import, wishes: Sequence[Wish], *, at: datetime, below: list[int]
    ) -> None:
        self.tables, self.importing, self.wishes = tables, importing, wishes
        self.at, self.below = at, below
        self.reference = f"import {importing.pk}"

    def gather(self, key: str, rows: str) -> None:
        """Of rows about the same person the last one counts, with every opt-out and doubt of those before it.

        `rows` names the tables that have these rows, `key` what is the same in them.
        """
        if not self.wishes:
            return
        tracked = tracked_of(self.wishes)
        flags = ", ".join(f"{flag} = g.{flag}" for flag in [*_FLAGS, *tracked])
        any_of = ", ".join(
            [f"bool_or({flag}) AS {flag}" for flag in _FLAGS]
            + [f"bool_and({name}) AS {name}" for name in tracked]
        )
        last = ", ".join(
            f"(array_agg({name} ORDER BY line DESC) FILTER (WHERE {name} IS NOT NULL))[1] AS {name}"
            for name in ("said", "doubt", "doubt_channel")
        )
        self.tables.execute(
            f"""
            UPDATE {{staging}} s
            SET {flags}, said = g.said, doubt = g.doubt, doubt_channel = g.doubt_channel, held = g.held
            FROM (SELECT max(line) AS line, {any_of}, {last}, max(held) AS held
                  FROM {rows} GROUP BY {key} HAVING count(*) > 1) g
            WHERE s.line = g.line
            """
        )

    def report_kept_opt_outs(self, report: Callable[[str, str, str], None]) -> None:
        """Who opted out before and is not so in the file is named."""
        for flag in _FLAGS if self.wishes else ():
            lines = (
                "SELECT line FROM {target} JOIN {staging} s USING (line)"
                f" JOIN audiences_profile p ON p.id = profile_id WHERE p.{flag} AND s.{flag} = false"
            )
            report(lines, flag, STAYS_OUT)
        for name in tracked_of(self.wishes):
            lines = (
                "SELECT line FROM {target} JOIN {staging} s USING (line)"
                f" JOIN audiences_profile p ON p.id = profile_id WHERE p.{name} = false AND s.{name}"
            )
            report(lines, name, STAYS_UNTRACKED)

    def apply(self, lines: Lines) -> None:
        """The opt-outs, doubts, held addresses and consents of the file are there; the import has their counts."""
        if not self.wishes:
            return
        importing = self.importing
        if kept_of(self.wishes):
            self._keep_consents()
        importing.opted_out = self._opt_out()
        self._track()
        importing.unclear = self._hold_unclear()
        importing.held_addresses = self._quarantine()
        if lines.noted:
            self._note(lines)

    def _note(self, lines: Lines) -> None:
        """The lines behind these counts: by what has just been written under this import's name."""
        values = {"reference": self.reference, "below": self.below}
        for outcome, table, of_line in _WRITTEN:
            query = f"""
                SELECT a.line FROM ({_ABOUT}) AS a JOIN {table} w ON w.profile_id = a.profile_id
                WHERE w.reference = %(reference)s AND {of_line}
            """
            lines.found(self.tables, outcome, _as_literals(query), values)
        held = """
            SELECT s.line FROM {staging} s JOIN audiences_quarantine q ON q.address_key = s.email_key
            WHERE s.held IS NOT NULL AND q.reference = {reference} AND q.last_error_at = {at}
        """
        lines.found(self.tables, Outcome.HELD, held, {**values, "at": self.at})

    def _opt_out(self) -> int:
        count = 0
        for flag, channel in _FLAGS.items():
            about = _as_literals(_ABOUT)
            ids = f"SELECT profile_id, said FROM ({about}) AS about WHERE {flag}"
            count += consents.opt_out_many(
                profile_ids=self.tables.part(ids, below=sql.Literal(self.below)),
                channel=channel,
                at=self.at,
                source="import",
                by=self.importing.started_by,
                reference=self.reference,
            )
        return count

    def _track(self) -> None:
        """A no counts whatever was said before; a yes only of whom nobody has asked yet."""
        named = {column: purpose for purpose, column in tracking.COLUMNS.items()}
        origin = Origin(self.at, "import", by=self.importing.started_by, reference=self.reference)
        for column in tracked_of(self.wishes):
            for may in (False, True):
                ids = (
                    "SELECT t.profile_id, '' FROM {target} t JOIN {staging} s USING (line)"
                    f" WHERE s.{column} = {str(may).lower()}"
                )
                tracking_consents.say_many(
                    profile_ids=self.tables.part(ids),
                    purpose=named[column],
                    may=may,
                    origin=origin,
                    if_not_asked=may,
                )

    def _hold_unclear(self) -> int:
        """Whoever is not out already is held; words that a person decided on before are not asked again."""
        out = " OR ".join(f"(a.doubt_channel = '{channel}' AND p.{flag})" for flag, channel in _FLAGS.items())
        return self.tables.execute(
            f"""
            WITH about AS ({_ABOUT}), doubts AS (
                SELECT DISTINCT ON (a.profile_id, a.doubt_channel) a.profile_id, a.doubt_channel, a.doubt
                FROM about a JOIN audiences_profile p ON p.id = a.profile_id
                WHERE a.doubt IS NOT NULL AND NOT p.no_contact AND NOT ({out}) AND NOT EXISTS (
                    SELECT 1 FROM audiences_consentdoubt d WHERE d.profile_id = a.profile_id
                        AND d.channel = a.doubt_channel AND (d.decision = '' OR d.words = a.doubt)
                ) ORDER BY a.profile_id, a.doubt_channel, a.line DESC
            ), noted AS (
                INSERT INTO audiences_consentdoubt (profile_id, channel, words, reference, at, decision)
                SELECT profile_id, doubt_channel, doubt, %(reference)s, %(at)s, '' FROM doubts ORDER BY profile_id
                RETURNING profile_id
            )
            UPDATE audiences_profile p SET consent_unclear = true, changed_at = %(at)s
            FROM (SELECT DISTINCT profile_id FROM noted) n WHERE p.id = n.profile_id
            """,
            self._values(),
        )

    def _quarantine(self) -> int:
        """Addresses that bounced elsewhere are in quarantine; whose owners complained, on the denylist."""
        given = """
            SELECT email_key, CASE held WHEN 'complained' THEN 'denylist' ELSE 'quarantine' END,
                CASE held WHEN 'complained' THEN 'complaint' ELSE 'import' END, ''
            FROM {staging} WHERE held IS NOT NULL AND email_key <> ''
        """
        return self.tables.execute(writer.holding(given, is_told=False), self._values())

    def _keep_consents(self) -> None:
        """When, where and to what somebody consented is an event; the same consent again adds none."""
        self.tables.execute(
            """
            INSERT INTO audiences_consentevent (profile_id, channel, opted_out, at, source, by_id, reference, words)
            SELECT t.profile_id, 'email', false, coalesce(NULLIF(s.consent_at, '')::timestamptz, %(at)s),
                left(coalesce(NULLIF(s.consent_source, ''), 'import'), 64), %(by)s, %(reference)s, s.consent_words
            FROM {target} t JOIN {staging} s USING (line)
            WHERE (s.consent_at <> '' OR s.consent_source <> '' OR s.consent_words <> '') AND NOT EXISTS (
                SELECT 1 FROM audiences_consentevent e
                WHERE e.profile_id = t.profile_id AND NOT e.opted_out AND e.purpose = '' AND e.words = s.consent_words
                    AND e.source = left(coalesce(NULLIF(s.consent_source, ''), 'import'), 64)
                    AND (s.consent_at = '' OR e.at = NULLIF(s.consent_at, '')::timestamptz)
            ) ORDER BY t.line
            """,
            {**self._values(), "by": self.importing.started_by_id},
        )

    def _values(self) -> dict[str, Any]:
        return {"at": self.at, "reference": self.reference, "below": self.below}
