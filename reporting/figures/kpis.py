"""What the figures of a delivery mean. Blocks, lists, commands, files and reports take it from here and nowhere else.

A figure is a named count, or one such count divided by another. Each count says in words what it is, and which filter
of which log shows the rows that it counts. Pure arithmetic; proofs and test profiles are in none of the counts.
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
    opens_untracked: int = 0  # of the delivered those without a picture that tells of an open
    clicks_untracked: int = 0  # of the delivered those without tracked links
    failed: int = 0  # at a server, then or later
    unsent: int = 0  # failed before any server was asked
    retrying: int = 0
    in_doubt: int = 0
    ignored: int = 0
    cancelled: int = 0
    erased: int = 0
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
        return sum(getattr(self, part) for part in NAMED["sent"].sums)

    @property
    def prepared(self) -> int:
        """Not attempted yet."""
        others = self.retrying + self.in_doubt + self.ignored + self.cancelled + self.erased + self.unsent
        return self.to_deliver - self.sent - others

    @property
    def opens_tracked(self) -> int:
        """Of the delivered those that can tell of an open."""
        return self.delivered - self.opens_untracked

    @property
    def clicks_tracked(self) -> int:
        """Of the delivered those that can tell of a click."""
        return self.delivered - self.clicks_untracked

    @property
    def settled(self) -> int:
        """Rows that need nothing more from a worker."""
        return self.to_deliver - self.prepared - self.retrying

    @property
    def delivered_rate(self) -> Decimal | None:
        return BY_CODE["delivered"].rate(self)

    @property
    def open_rate(self) -> Decimal | None:
        return BY_CODE["opens"].rate(self)

    @property
    def click_rate(self) -> Decimal | None:
        return BY_CODE["clicks"].rate(self)

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


SENDING, TRACKING = "sending", "tracking"  # the logs


@dataclass(frozen=True)
class Named:
    """A count by its name: in words, and where the rows are that it counts."""

    name: str
    label: str | Promise
    rows: str  # the filter of the log that shows them; empty: all of its rows
    log: str = SENDING
    sums: tuple[str, ...] = ()  # the counts that make it up
    is_beside: bool = False  # shown beside the indicators, outside what was sent
    is_recounted: bool = True  # by Compute stats


# In the order in which Compute stats lists them.
NAMED: dict[str, Named] = {
    named.name: named
    for named in (
        Named("to_deliver", _("To deliver"), ""),
        Named("sent", _("Sent"), "status=attempted", sums=("delivered", "failed")),
        Named("delivered", _("Delivered"), "status=sent"),
        Named("failed", _("Bounces and errors"), "status=bounced"),
        Named("prepared", _("Not attempted yet"), "status=prepared", is_beside=True),
        Named("retrying", _("Retrying"), "status=retrying", is_beside=True),
        Named("unsent", _("Never reached a server"), "status=unsent", is_beside=True),
        Named("in_doubt", _("Outcome unknown"), "status=in_doubt", is_beside=True),
        Named("ignored", _("Not sent: opted out after preparation"), "status=ignored", is_beside=True),
        Named("cancelled", _("Cancelled"), "status=cancelled", is_beside=True),
        Named("erased", _("Not sent: erased"), "status=erased", is_beside=True),
        Named("opens_tracked", _("Delivered with open tracking"), "status=opens_tracked"),
        Named(
            "opens_untracked",
            _("Delivered without open tracking"),
            "status=opens_untracked",
            is_beside=True,
        ),
        Named("clicks_tracked", _("Delivered with click tracking"), "status=clicks_tracked"),
        Named(
            "clicks_untracked",
            _("Delivered without click tracking"),
            "status=clicks_untracked",
            is_beside=True,
        ),
        Named("openers", _("People who opened"), "reaction=opened"),
        Named("opens", _("Opens in all"), "counted=opens", TRACKING),
        Named("clickers", _("People who clicked"), "reaction=clicked"),
        Named("clicks", _("Clicks in all"), "counted=clicks", TRACKING),
        Named("mirror_views", _("Mirror page views"), "counted=mirror_views", TRACKING),
        Named("unsubscribers", _("People who opted out"), "reaction=unsubscribed"),
        Named("complaints", _("Complaints"), "reaction=complained", is_recounted=False),
        Named("replies", _("Replies"), "reaction=replied", is_recounted=False),
    )
}
BESIDE: dict[str, str | Promise] = {named.name: named.label for named in NAMED.values() if named.is_beside}
# Of those beside, the ones that an indicator leaves out: shown where it is.
SPEAKS_OF = {"opens_untracked": "opens", "clicks_untracked": "clicks"}
LABELS: dict[str, str | Promise] = {named.name: named.label for named in NAMED.values() if named.is_recounted}


@dataclass(frozen=True)
class Definition:
    """An indicator: a count, or one count divided by another."""

    code: str
    label: str | Promise
    sentence: str | Promise  # what is counted
    count: str  # the name of the count
    base: str = ""  # the name of the count by which it is divided
    rest_of: str = ""  # the indicator with which it makes a hundred

    @property
    def named(self) -> Named:
        """The count, with its rows."""
        return NAMED[self.count]

    @property
    def is_rate(self) -> bool:
        return bool(self.base)

    @property
    def formula(self) -> str:
        """In the words of the counts: People who opened ÷ Delivered; empty of a count that is made of no others."""
        whole = " + ".join(str(NAMED[part].label) for part in self.named.sums)
        if not self.base:
            return whole
        return f"{whole or self.named.label} ÷ {NAMED[self.base].label}"

    def number(self, counts: Counts) -> int:
        return getattr(counts, self.count)

    def rate(self, counts: Counts) -> Decimal | None:
        """Per cent; None where there is nothing to divide by, or nothing is divided.

        Of two that make the whole the second is what is left of 100, so that they always add up on the screen.
        """
        if self.rest_of:
            other = BY_CODE[self.rest_of].rate(counts)
            return WHOLE - other if other is not None else None
        return rate(self.number(counts), getattr(counts, self.base)) if self.base else None


DEFINITIONS = (
    Definition("to_deliver", _("To deliver"), _("messages of the sealed preparation"), "to_deliver"),
    Definition("sent", _("Sent"), _("those with an outcome at a server"), "sent"),
    Definition(
        "delivered", _("Delivered"), _("accepted by the next server and not bounced since"), "delivered", base="sent",
    ),
    Definition(
        "failed", _("Bounces and errors"), _("failed at a server, then or later"), "failed", base="sent",
        rest_of="delivered",
    ),
    Definition("opens", _("Opens"), _("people who opened; a click implies an open"), "openers", base="opens_tracked"),
    Definition("clicks", _("Clicks"), _("people who clicked"), "clickers", base="clicks_tracked"),
    Definition(
        "unsubscribes", _("Unsubscribes"), _("people who unsubscribed by it, by its link or by mail"), "unsubscribers",
        base="delivered",
    ),
)  # fmt: skip
BY_CODE = {definition.code: definition for definition in DEFINITIONS}
LESS_IS_BETTER = frozenset({"failed", "unsubscribes"})  # a goal of these is what is not to be passed
NO_GOALS = frozenset({"to_deliver"})  # it says what was meant to be done


@dataclass(frozen=True)
class Kpi:
    """One indicator of one delivery."""

    definition: Definition
    number: int
    rate: Decimal | None

    @property
    def code(self) -> str:
        return self.definition.code

    @property
    def is_rate(self) -> bool:
        return self.definition.is_rate

    def as_dict(self) -> dict[str, Any]:
        """For programs: with the log and the filter that show its rows."""
        named = self.definition.named
        percent = {"percent": self.rate} if self.is_rate else {}
        return {"number": self.number, **percent, "log": named.log, "only": named.rows}


def kpi(code: str, counts: Counts) -> Kpi:
    """One indicator by its code."""
    definition = BY_CODE[code]
    return Kpi(definition, definition.number(counts), definition.rate(counts))


def kpis(counts: Counts) -> list[Kpi]:
    """The indicators, in the order of the screen."""
    return [kpi(code, counts) for code in BY_CODE]


def figures(counts: Counts) -> dict[str, int]:
    """Every count by name, as Compute stats compares them."""
    return {name: getattr(counts, name) for name in LABELS}


def difference(old: Mapping[str, int], new: Mapping[str, int]) -> dict[str, int]:
    """What changed, and only that."""
    return {name: new[name] - old.get(name, 0) for name in new if new[name] != old.get(name, 0)}
