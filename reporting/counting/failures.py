"""Why messages of a delivery failed, and at whose servers: counted now, each figure with the filter of its rows."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, Q, QuerySet
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from audiences import sight
from deliveries.models import Delivery, Message, MessageStatus, Reason
from reporting.logs import logs, providers
from reporting.models import KeptFigures

_COUNTS = {
    "refused": Count("seq", filter=Q(status=MessageStatus.FAILED)),
    "later": Count("seq", filter=Q(status=MessageStatus.BOUNCED)),
}
_REASONS = {**dict(Reason.choices), "": _("Not defined")}


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


def failures(delivery: Delivery, *, user: User | None) -> Failures:
    """Count the failures of a delivery; without a person it is the system's own operator who asks."""
    kept = KeptFigures.objects.filter(delivery_id=delivery.pk).first()
    if kept is not None:
        return _kept(kept, sees_all=user is None or access.sees_all_below(user, delivery.unit))
    rows = logs.failed(delivery, user)
    reasons: list[Any] = list(rows.order_by().values("reason").annotate(number=Count("seq"), **_COUNTS))
    reasons.sort(key=lambda row: (-row["number"], row["reason"]))
    whole = {name: sum(row[name] for row in reasons) for name in ("number", *_COUNTS)}
    return Failures(
        whole["number"],
        _lines(reasons, "reason", lambda code: _REASONS.get(code, code)),
        _of_providers(rows, whole) if reasons else [],
    )


def counted(delivery: Delivery) -> tuple[list[list[Any]], list[list[Any]]]:
    """What `failures` counts, to be kept: reasons, and providers, each with how many failed then and later."""
    rows = logs.failed(delivery, None)
    reasons = list(rows.order_by().values("reason").annotate(number=Count("seq"), **_COUNTS))
    found = providers.counted(rows, **_COUNTS) if reasons else []
    pairs = (("reason", reasons), ("provider", found))
    by_reason, by_provider = (
        [
            [row[name], row["refused"], row["later"]]
            for row in sorted(rows, key=lambda row: (-row["number"], row[name]))
        ]
        for name, rows in pairs
    )
    return by_reason, by_provider


def _kept(kept: KeptFigures, *, sees_all: bool) -> Failures:
    """As it was counted; who does not see all people is told of no provider, as a domain may be somebody's name."""
    reasons = _as_rows(kept.by_reason, "reason")
    whole = {name: sum(row[name] for row in reasons) for name in ("number", *_COUNTS)}
    found = _as_rows(kept.by_provider, "provider")
    if found and not sees_all:
        found = [{"provider": providers.UNSEEN, **whole}]
    return Failures(
        whole["number"],
        _lines(reasons, "reason", lambda code: _REASONS.get(code, code)),
        _provider_lines(found, whole) if reasons else [],
    )


def _as_rows(kept: list[list[Any]], name: str) -> list[dict[str, Any]]:
    return [
        {name: code, "refused": refused, "later": later, "number": refused + later}
        for code, refused, later in kept
    ]


def _of_providers(rows: QuerySet[Message], whole: dict[str, int]) -> list[Line]:
    return _provider_lines(providers.counted(rows, **_COUNTS), whole)


def _provider_lines(found: list[dict[str, Any]], whole: dict[str, int]) -> list[Line]:
    hosts = providers.hosts([row["provider"] for row in found])
    rest = {name: number - sum(row[name] for row in found) for name, number in whole.items()}
    if rest["number"] > 0 and len(found) == providers.TOP:
        found.append({"provider": providers.OTHERS, **rest})
    words = {providers.OTHERS: _("Other providers"), providers.UNSEEN: sight.SOMEBODY}
    return _lines(found, "provider", lambda code: words.get(code, code), lambda code: hosts.get(code, ""))


def _lines(rows: list[dict[str, Any]], name: str, label: Any, beside: Any = lambda code: "") -> list[Line]:
    most = max((row["number"] for row in rows), default=1)
    return [
        Line(row[name], label(row[name]), row["refused"], row["later"], name, most, beside(row[name]))
        for row in rows
    ]
