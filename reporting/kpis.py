"""What the figures of a delivery mean: counts in, indicators out. The one place for names and formulas.

Pure arithmetic. Proofs and test profiles are in none of the counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

TENTH = Decimal("0.1")
WHOLE = Decimal("100.0")


@dataclass(frozen=True)
class Counts:
    """Messages of a delivery by what became of them, and people by what they did."""

    to_deliver: int = 0
    delivered: int = 0  # accepted by the next server and not bounced since
    failed: int = 0  # at a server, then or later
    unsent: int = 0  # failed before any server was asked
    retrying: int = 0
    in_doubt: int = 0
    ignored: int = 0
    cancelled: int = 0
    opens: int = 0
    openers: int = 0
    clicks: int = 0
    clickers: int = 0
    mirror_views: int = 0
    unsubscribers: int = 0
    complaints: int = 0  # this and the next are marks beside: they move no other count
    replies: int = 0

    @property
    def sent(self) -> int:
        """Rows with an outcome at a server."""
        return self.delivered + self.failed

    @property
    def prepared(self) -> int:
        """Not attempted yet."""
        others = self.retrying + self.in_doubt + self.ignored + self.cancelled + self.unsent
        return self.to_deliver - self.sent - others

    @property
    def settled(self) -> int:
        """Rows that need nothing more from a worker."""
        return self.to_deliver - self.prepared - self.retrying

    @property
    def delivered_rate(self) -> Decimal | None:
        return rate(self.delivered, self.sent)

    @property
    def failed_rate(self) -> Decimal | None:
        """What is left of 100, so that the two on the screen always add up."""
        return WHOLE - self.delivered_rate if self.delivered_rate is not None else None

    @property
    def open_rate(self) -> Decimal | None:
        return rate(self.openers, self.delivered)

    @property
    def click_rate(self) -> Decimal | None:
        return rate(self.clickers, self.delivered)

    @property
    def unsubscribe_rate(self) -> Decimal | None:
        return rate(self.unsubscribers, self.delivered)

    @property
    def progress(self) -> Decimal | None:
        return rate(self.settled, self.to_deliver)

    @classmethod
    def of(cls, *parts: Mapping[str, Any]) -> "Counts":
        """From mappings that hold counts among other things."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value or 0 for part in parts for name, value in part.items() if name in known})


def rate(part: int, base: int) -> Decimal | None:
    """Per cent with one decimal; None where the base is 0. 100 is said of the whole only, 0 of nothing only."""
    if base <= 0:
        return None
    part = min(max(part, 0), base)
    if part in (0, base):
        return WHOLE * (part // base)
    exact = Decimal(100 * part) / base
    return min(max(exact.quantize(TENTH, ROUND_HALF_EVEN), TENTH), WHOLE - TENTH)


@dataclass(frozen=True)
class Definition:
    """An indicator: its name, and in a sentence what it counts."""

    code: str
    label: str | Promise
    sentence: str | Promise
    count: str  # the name of the count
    rate: str = ""  # the name of the rate, where the indicator is one


DEFINITIONS = (
    Definition("to_deliver", _("To deliver"), _("messages of the sealed preparation"), "to_deliver"),
    Definition("sent", _("Sent"), _("delivered + bounces and errors: an outcome at a server"), "sent"),
    Definition(
        "delivered",
        _("Delivered"),
        _("accepted by the next server and not bounced since, ÷ sent"),
        "delivered",
        "delivered_rate",
    ),
    Definition(
        "failed",
        _("Bounces and errors"),
        _("failed at a server, then or later, ÷ sent"),
        "failed",
        "failed_rate",
    ),
    Definition(
        "opens",
        _("Opens"),
        _("people who opened, ÷ delivered; a click implies an open"),
        "openers",
        "open_rate",
    ),
    Definition("clicks", _("Clicks"), _("people who clicked, ÷ delivered"), "clickers", "click_rate"),
    Definition(
        "unsubscribes",
        _("Unsubscribes"),
        _("people who unsubscribed by it, by its link or by mail, ÷ delivered"),
        "unsubscribers",
        "unsubscribe_rate",
    ),
)

# Shown beside the indicators, outside what was sent.
BESIDE: dict[str, str | Promise] = {
    "prepared": _("Not attempted yet"),
    "retrying": _("Retrying"),
    "unsent": _("Never reached a server"),
    "in_doubt": _("Outcome unknown"),
    "ignored": _("Not sent: opted out after preparation"),
    "cancelled": _("Cancelled"),
}

# Every count by its name on the screen, in the order in which Compute stats lists them.
LABELS: dict[str, str | Promise] = {
    "to_deliver": _("To deliver"),
    "sent": _("Sent"),
    "delivered": _("Delivered"),
    "failed": _("Bounces and errors"),
    **BESIDE,
    "openers": _("People who opened"),
    "opens": _("Opens in all"),
    "clickers": _("People who clicked"),
    "clicks": _("Clicks in all"),
    "mirror_views": _("Mirror page views"),
    "unsubscribers": _("People who opted out"),
}


@dataclass(frozen=True)
class Kpi:
    """One indicator of one delivery."""

    definition: Definition
    number: int
    rate: Decimal | None
    is_rate: bool

    @property
    def code(self) -> str:
        return self.definition.code


def kpis(counts: Counts) -> list[Kpi]:
    """The indicators, in the order of the screen."""
    return [
        Kpi(
            definition,
            getattr(counts, definition.count),
            getattr(counts, definition.rate) if definition.rate else None,
            bool(definition.rate),
        )
        for definition in DEFINITIONS
    ]


def figures(counts: Counts) -> dict[str, int]:
    """Every count by name, as Compute stats compares them."""
    return {name: getattr(counts, name) for name in LABELS}


def difference(old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    """What changed, and only that."""
    return {name: new[name] - old.get(name, 0) for name in new if new[name] != old.get(name, 0)}
