"""Why messages of a delivery failed, and at whose servers: each figure with the filter of its rows."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.db.models import Count, Q
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from audiences import sight
from deliveries.models import REFUSED_ROWS, Delivery, Reason
from deliveries.models import MessageStatus as S
from reporting.figures import standing
from reporting.logs import logs, providers
from reporting.models import KeptFigures

_COUNTS = {
    "refused": Count("seq", filter=Q(status=S.FAILED)),
    "later": Count("seq", filter=Q(status=S.BOUNCED)),
}
_REASONS = {**dict(Reason.choices), "": _("Not defined")}
_PROVIDERS: dict[str, str | Promise] = {
    providers.ALL: _("All providers, which only whoever sees all people sees one by one"),
    providers.OTHERS: _("Other providers"),
    providers.UNSEEN: sight.SOMEBODY,
    providers.ERASED: sight.ERASED,
}


@dataclass(frozen=True)
class Line:
    """How many messages failed for a reason, or at a provider: while it was being sent, and by a report later."""

    code: str
    label: str | Promise
    refused: int
    later: int
    filter: str  # the name of the log's filter that shows its rows
    most: int  # of all lines of the figure
    beside: str | Promise = ""

    @property
    def number(self) -> int:
        return self.refused + self.later

    @property
    def query(self) -> str:
        """The filter of the sending log that shows all of its rows."""
        return self._query(logs.BOUNCED)

    @property
    def refused_query(self) -> str:
        return self._query(logs.REFUSED)

    @property
    def later_query(self) -> str:
        return self._query("bounced_later")

    @property
    def refused_width(self) -> str:
        """Of 100, as the bar is drawn."""
        return f"{100 * self.refused / self.most:.3f}"

    @property
    def later_width(self) -> str:
        return f"{100 * self.later / self.most:.3f}"

    def _query(self, status: str) -> str:
        if self.code == providers.ALL:
            return urlencode({"status": status})
        return urlencode({"status": status, self.filter: self.code or logs.NO_REASON})

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {
            self.filter: self.code, "number": self.number, "while_sending": self.refused, "later": self.later,
        }  # fmt: skip


@dataclass(frozen=True)
class Failures:
    """All failures at a server, by reason and by provider. Each of the two makes the whole."""

    number: int
    by_reason: list[Line]
    by_provider: list[Line]

    def as_dict(self) -> dict[str, Any]:
        """As a command prints it."""
        return {
            "number": self.number,
            "by_reason": [line.as_dict() for line in self.by_reason],
            "by_provider": [line.as_dict() for line in self.by_provider],
        }


# Reasons and providers by one look at the rows, where chunks tell of failures. Domains come to providers once all
# of a domain are counted, by the rule of `mail_exchanges.provider_of`; of who was erased nobody knows the domain.
_COUNTED = f"""
    WITH failed AS MATERIALIZED (
        SELECT m.reason, substring(m.address_key FROM '[^@]+$') AS domain,
            count(*) FILTER (WHERE m.status = {S.FAILED}) AS refused,
            count(*) FILTER (WHERE m.status = {S.BOUNCED}) AS later
        FROM {{rows}}
        WHERE (m.status = {S.BOUNCED} OR m.status = {S.FAILED} AND m.tries > 0)
        GROUP BY 1, 2
    ), lines AS (
        SELECT grouping(reason) AS is_provider, reason, provider,
            sum(refused)::bigint AS refused, sum(later)::bigint AS later
        FROM (
            SELECT f.*, coalesce(nullif(x.provider, ''), f.domain, '{providers.ERASED}') AS provider
            FROM failed f LEFT JOIN audiences_mailexchange x ON x.domain = f.domain
        ) each
        GROUP BY GROUPING SETS ((reason), (provider))
    ), ranked AS (
        SELECT *, row_number() OVER (PARTITION BY is_provider ORDER BY refused + later DESC, reason, provider) AS place
        FROM lines
    )
    SELECT is_provider, coalesce(reason, provider), refused, later
    FROM ranked WHERE is_provider = 0 OR place <= %(top)s ORDER BY is_provider, place
"""

# By its key and chunk by chunk, which costs each row three times what reading all of them does: for few of them.
_OF_SOME_CHUNKS = f"""
    (SELECT seq_from, seq_to FROM deliveries_chunk WHERE delivery_id = %(delivery)s AND {REFUSED_ROWS} > 0) c
    CROSS JOIN LATERAL (
        SELECT reason, address_key, status, tries FROM deliveries_message
        WHERE delivery_id = %(delivery)s AND seq BETWEEN c.seq_from AND c.seq_to
            AND status IN ({S.FAILED}, {S.BOUNCED}) OFFSET 0
    ) m
"""
_OF_ALL = "(SELECT * FROM deliveries_message WHERE delivery_id = %(delivery)s) m"
_SHARE = f"""
    SELECT coalesce(sum(seq_to - seq_from + 1) FILTER (WHERE {REFUSED_ROWS} > 0)::float / sum(seq_to - seq_from + 1), 0)
    FROM deliveries_chunk WHERE delivery_id = %(delivery)s
"""
LARGE_SHARE = 0.3

Counted = list[list[Any]]  # of each reason or provider its code, and how many failed then and later


def failures(delivery: Delivery, *, user: User | None, known: Any = None) -> Failures:
    """The failures of a delivery: as `known` has them, else as they are now.

    Without a person it is the system's own operator who asks. What was counted for everybody tells apart no providers
    to whoever does not see all people, as a domain may be somebody's name.
    """
    sees_all = user is None or access.sees_all_below(user, delivery.unit)
    if known is None and (sees_all or KeptFigures.objects.filter(delivery_id=delivery.pk).exists()):
        known = standing.current(delivery, of=standing.FAILURES)
    if known is not None:
        return _of_all(known.by_reason, known.by_provider, sees_all=sees_all)
    if user is None or sight.units_seen(user, unit=delivery.unit).seen is None:
        return _of_all(*counted(delivery), sees_all=True)
    return _seen_by(user, delivery)


def counted(delivery: Delivery) -> tuple[Counted, Counted]:
    """What there is now of everybody: by reason, and by the providers with the most."""
    found: tuple[Counted, Counted] = ([], [])
    slots = {"delivery": delivery.pk, "top": providers.TOP}
    with connection.cursor() as cursor:
        cursor.execute(_SHARE, slots)
        is_everywhere = cursor.fetchone()[0] > LARGE_SHARE
        cursor.execute(_COUNTED.format(rows=_OF_ALL if is_everywhere else _OF_SOME_CHUNKS), slots)
        for is_provider, *line in cursor.fetchall():
            found[is_provider].append(line)
    return found


def _of_all(by_reason: Counted, by_provider: Counted, *, sees_all: bool) -> Failures:
    reasons = _as_rows(by_reason, "reason")
    whole = {name: sum(row[name] for row in reasons) for name in ("number", *_COUNTS)}
    if by_provider and not sees_all:
        by_provider = [[providers.ALL, whole["refused"], whole["later"]]]
    return _made(reasons, whole, _as_rows(by_provider, "provider"))


def _as_rows(lines: Counted, name: str) -> list[dict[str, Any]]:
    return [
        {name: code, "refused": refused, "later": later, "number": refused + later}
        for code, refused, later in lines
    ]


def _seen_by(user: User, delivery: Delivery) -> Failures:
    """Counted now, row by row: a provider is named of those alone whom the person may see."""
    rows = logs.failed(delivery, user)
    reasons: list[Any] = list(rows.order_by().values("reason").annotate(number=Count("seq"), **_COUNTS))
    reasons.sort(key=lambda row: (-row["number"], row["reason"]))
    whole = {name: sum(row[name] for row in reasons) for name in ("number", *_COUNTS)}
    return _made(reasons, whole, providers.counted(rows, **_COUNTS) if reasons else [])


def _made(reasons: list[dict[str, Any]], whole: dict[str, int], found: list[dict[str, Any]]) -> Failures:
    return Failures(
        whole["number"],
        _lines(reasons, "reason", lambda code: _REASONS.get(code, code)),
        _provider_lines(found, whole) if reasons else [],
    )


def _provider_lines(found: list[dict[str, Any]], whole: dict[str, int]) -> list[Line]:
    hosts = providers.hosts([row["provider"] for row in found])
    rest = {name: number - sum(row[name] for row in found) for name, number in whole.items()}
    if rest["number"] > 0 and len(found) == providers.TOP:
        found.append({"provider": providers.OTHERS, **rest})
    return _lines(
        found, "provider", lambda code: _PROVIDERS.get(code, code), lambda code: hosts.get(code, "")
    )


def _lines(rows: list[dict[str, Any]], name: str, label: Any, beside: Any = lambda code: "") -> list[Line]:
    most = max((row["number"] for row in rows), default=1)
    return [
        Line(row[name], label(row[name]), row["refused"], row["later"], name, most, beside(row[name]))
        for row in rows
    ]
