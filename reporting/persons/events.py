"""The events of one person as SQL: one SELECT for each kind of thing, all with the same columns.

Each part is found by an index that begins with the profile, the key of an address, or the key of a message of theirs.
`at` and `ref` together with the kind name an event once: by these the pages go on.
"""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

# What may be asked for alone, in the order in which it is offered.
KINDS: dict[str, str | Promise] = {
    "message": _("Messages"),
    "exclusion": _("Exclusions"),
    "reaction": _("Opens and clicks"),
    "report": _("What came back by mail"),
    "consent": _("Consents"),
    "subscription": _("Subscriptions"),
    "quarantine": _("Quarantine"),
    "import": _("Imports"),
    "edit": _("Edits"),
    "proof": _("Proofs"),
}

COLUMNS = "at, kind, delivery_id, via, seq, ref, what, note, detail"


@dataclass(frozen=True)
class Part:
    """A SELECT of COLUMNS, and the kinds that its rows can have."""

    kinds: frozenset[str]
    sql: str
    of_delivery: bool = False  # its rows are those of a delivery: shown to whoever may see that

    def is_wanted(self, kinds: frozenset[str]) -> bool:
        return not kinds or bool(self.kinds & kinds)


def _part(*kinds: str, sql: str, of_delivery: bool = False) -> Part:
    return Part(frozenset(kinds), sql, of_delivery)


# `{which}` says of which deliveries: all but those that one may not see, or these alone.
MINE = """
    SELECT m.delivery_id, m.seq, m.status, m.reason, m.address, m.address_key, coalesce(m.at, d.started_at) AS at
    FROM deliveries_message m JOIN deliveries_delivery d ON d.id = m.delivery_id
    WHERE m.profile_id = %(profile)s AND d.started_at IS NOT NULL AND m.delivery_id {which}
"""

_MESSAGES = """
    SELECT at, 'message', delivery_id, NULL, seq, delivery_id || ':' || seq, status::text, reason,
        CASE WHEN address_key <> %(key)s THEN jsonb_build_object('address', address) END
    FROM mine
"""
_EXCLUSIONS = """
    SELECT p.ended_at, 'exclusion', e.delivery_id, NULL, NULL, e.id::text, e.cause, '', NULL
    FROM deliveries_exclusion e
    JOIN deliveries_delivery d ON d.id = e.delivery_id AND d.preparation_id = e.preparation_id
    JOIN deliveries_preparation p ON p.id = e.preparation_id
    WHERE e.profile_id = %(profile)s AND d.started_at IS NOT NULL AND e.delivery_id {which}
"""
# An opt-out is told of by the consent.
_REACTIONS = """
    SELECT h.at, 'reaction', h.delivery_id, NULL, h.seq, h.id::text, h.kind, h.agent_kind, NULL
    FROM mine JOIN feedback_hit h ON h.delivery_id = mine.delivery_id AND h.seq = mine.seq
    WHERE h.kind <> 'unsubscribe'
"""
_REPORTS = """
    SELECT r.at, 'report', r.delivery_id, NULL, r.seq, r.id::text, r.kind, r.reason, NULL
    FROM mine JOIN feedback_report r ON r.delivery_id = mine.delivery_id AND r.seq = mine.seq AND r.is_current
"""
_REPLIES = """
    SELECT i.received_at, 'report', r.delivery_id, NULL, r.seq, 'reply' || r.id, 'reply', '', NULL
    FROM mine JOIN feedback_reply r ON r.delivery_id = mine.delivery_id AND r.seq = mine.seq
    JOIN feedback_incomingmail i ON i.id = r.mail_id
"""
_CONSENTS = """
    SELECT c.at, CASE WHEN c.service_id IS NULL THEN 'consent' ELSE 'subscription' END, NULL,
        nullif(substring(c.reference FROM '^delivery ([0-9]{{1,18}})$'), '')::bigint, NULL, c.id::text,
        CASE WHEN c.opted_out THEN 'out' ELSE 'in' END, coalesce(s.label, nullif(c.purpose, ''), c.channel),
        jsonb_build_object('source', c.source, 'reference', c.reference, 'words', left(c.words, 300),
            'text', t.number, 'network', c.network, 'service', c.service_id)
    FROM audiences_consentevent c LEFT JOIN audiences_service s ON s.id = c.service_id
    LEFT JOIN audiences_servicetext t ON t.id = c.text_id
    WHERE c.profile_id = %(profile)s OR (c.address_key <> '' AND c.address_key = ANY(%(keys)s))
"""
_DOUBTS = """
    SELECT d.at, 'consent', NULL, NULL, NULL, 'unclear' || d.id, 'unclear', d.channel,
        jsonb_build_object('words', d.words, 'reference', d.reference)
    FROM audiences_consentdoubt d WHERE d.profile_id = %(profile)s
    UNION ALL
    SELECT d.decided_at, 'consent', NULL, NULL, NULL, 'decided' || d.id, d.decision, d.channel,
        jsonb_build_object('words', d.words)
    FROM audiences_consentdoubt d WHERE d.profile_id = %(profile)s AND d.decided_at IS NOT NULL
"""
_ADDRESS_OPT_OUTS = """
    SELECT o.at, 'consent', NULL, NULL, NULL, 'address' || o.id, 'address', o.channel, NULL
    FROM audiences_addressoptout o WHERE o.address_key = ANY(%(keys)s)
"""
_SIGN_UPS = """
    SELECT u.at, 'subscription', NULL, NULL, NULL, 'sign-up' || u.id, 'asked', coalesce(s.label, ''),
        jsonb_build_object('service', u.service_id, 'network', u.network)
    FROM audiences_signup u LEFT JOIN audiences_service s ON s.id = u.service_id
    WHERE u.profile_id = %(profile)s OR u.address_key = ANY(%(keys)s)
"""
_QUARANTINE = """
    SELECT coalesce(q.last_error_at, q.created_at), 'quarantine', NULL, NULL, NULL, q.id::text, q.status, q.reason,
        jsonb_build_object('text', q.error_text, 'reference', q.reference)
    FROM audiences_quarantine q WHERE q.channel = 'email' AND q.address_key = ANY(%(keys)s)
    UNION ALL
    SELECT e.at, 'quarantine', NULL, NULL, NULL, 'error' || e.id, e.nature, e.reason,
        jsonb_build_object('text', e.text, 'forgiven', e.forgiven_by)
    FROM audiences_addresserror e WHERE e.channel = 'email' AND e.address_key = ANY(%(keys)s)
"""
# Nothing joins a profile to the files that it came by. What an import said of a person names it; and a profile that was
# made while one import alone of its unit was at work, and by nobody else, is that import's.
_IMPORTS = """
    SELECT i.finished_at, 'import', NULL, NULL, NULL, i.id::text, 'named', i.file_name, NULL
    FROM audiences_import i WHERE i.finished_at IS NOT NULL AND i.id IN (
        SELECT substring(reference FROM '^import ([0-9]{{1,18}})$')::bigint FROM (
            SELECT reference FROM audiences_consentevent WHERE profile_id = %(profile)s
            UNION SELECT reference FROM audiences_consentdoubt WHERE profile_id = %(profile)s
            UNION SELECT reference FROM audiences_quarantine WHERE channel = 'email' AND address_key = ANY(%(keys)s)
        ) said
    )
"""
_CREATED = """
    SELECT p.created_at, CASE WHEN i.id IS NULL THEN 'edit' ELSE 'import' END, NULL, NULL, NULL,
        coalesce('by' || i.id, 'profile'), 'created', coalesce(i.file_name, ''), NULL
    FROM audiences_profile p LEFT JOIN LATERAL (
        SELECT min(id) AS id, min(file_name) AS file_name FROM audiences_import
        WHERE unit_id = p.unit_id AND status = 'done' AND created > 0
            AND p.created_at BETWEEN created_at AND finished_at HAVING count(*) = 1
    ) i ON true
    WHERE p.id = %(profile)s AND NOT EXISTS (
        SELECT FROM accounts_auditevent a WHERE a.target_type = 'audiences.profile'
            AND a.target_id = %(profile)s::text AND a.action = 'create_profile'
    )
"""
# What somebody said for the person stands among the consents already.
_EDITS = """
    SELECT a.at, 'edit', NULL, NULL, NULL, a.id::text, a.action, a.actor_name,
        jsonb_build_object('changed', a.detail -> 'changed', 'face', a.face)
    FROM accounts_auditevent a
    WHERE a.target_type = 'audiences.profile' AND a.target_id = %(profile)s::text AND NOT a.refused
        AND a.action NOT IN ('opt_out', 'opt_in')
"""
_PROOFS = """
    SELECT p.at, 'proof', p.delivery_id, NULL, NULL, c.id::text, c.status, p.number::text,
        jsonb_build_object('of', lower(c.address) <> ALL(%(keys)s))
    FROM deliveries_proofmessage c JOIN deliveries_proof p ON p.id = c.proof_id
    WHERE (lower(c.address) = ANY(%(keys)s) OR lower(c."values" ->> 'email') = ANY(%(keys)s)) AND p.delivery_id {which}
"""

PARTS = (
    _part("message", sql=_MESSAGES, of_delivery=True),
    _part("exclusion", sql=_EXCLUSIONS, of_delivery=True),
    _part("reaction", sql=_REACTIONS, of_delivery=True),
    _part("report", sql=_REPORTS, of_delivery=True),
    _part("report", sql=_REPLIES, of_delivery=True),
    _part("consent", "subscription", sql=_CONSENTS),
    _part("consent", sql=_DOUBTS),
    _part("consent", sql=_ADDRESS_OPT_OUTS),
    _part("subscription", sql=_SIGN_UPS),
    _part("quarantine", sql=_QUARANTINE),
    _part("import", sql=_IMPORTS),
    _part("import", "edit", sql=_CREATED),
    _part("edit", sql=_EDITS),
    _part("proof", sql=_PROOFS, of_delivery=True),
)

_ALL_BUT, _ONLY = "<> ALL(%(hidden)s)", "= ANY(%(hidden)s)"


# What comes first in a UNION says of what type its columns are.
_TYPES = """
    SELECT NULL::timestamptz, NULL::text, NULL::bigint, NULL::bigint, NULL::integer, NULL::text, NULL::text, NULL::text,
        NULL::jsonb WHERE false
"""


def _events(parts: list[Part], which: str) -> str:
    mine = MINE.format(which=which)
    union = " UNION ALL ".join([_TYPES, *(part.sql.format(which=which) for part in parts)])
    return f"WITH mine AS ({mine}), events ({COLUMNS}) AS ({union})"


def page_sql(kinds: frozenset[str]) -> str:
    """The newest events of these kinds, or of all, before a place; of deliveries that are not `hidden`."""
    return f"""
        {_events([part for part in PARTS if part.is_wanted(kinds)], _ALL_BUT)}
        SELECT {COLUMNS} FROM events
        WHERE at IS NOT NULL AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s::text[])) AND (
            %(at)s::timestamptz IS NULL OR at <= %(at)s AND (
                at < %(at)s OR (kind COLLATE "C", ref COLLATE "C") < (%(kind)s, %(ref)s)
            )
        )
        ORDER BY at DESC, kind COLLATE "C" DESC, ref COLLATE "C" DESC LIMIT %(most)s
    """


def hidden_sql(kinds: frozenset[str]) -> str | None:
    """How many events of these kinds are of `hidden` deliveries; None where none of these kinds are a delivery's."""
    parts = [part for part in PARTS if part.of_delivery and part.is_wanted(kinds)]
    return f"{_events(parts, _ONLY)} SELECT count(*) FROM events WHERE at IS NOT NULL" if parts else None


# Every delivery that has something of the person.
DELIVERIES = """
    SELECT delivery_id FROM deliveries_message WHERE profile_id = %(profile)s
    UNION SELECT delivery_id FROM deliveries_exclusion WHERE profile_id = %(profile)s
    UNION SELECT p.delivery_id FROM deliveries_proofmessage c JOIN deliveries_proof p ON p.id = c.proof_id
        WHERE lower(c.address) = ANY(%(keys)s) OR lower(c."values" ->> 'email') = ANY(%(keys)s)
"""
