"""The logs of a delivery, row by row: what may be looked for in them, in which order, and their pages by key."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import BooleanField, Case, Exists, OuterRef, Q, QuerySet, Subquery, Value, When
from django.http import Http404, QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import User
from audiences import sight
from audiences.tracking import Tracked
from campaign.lib import numbers, spans
from deliveries.models import (
    Bounce,
    Cause,
    CauseRow,
    Chunk,
    Delivery,
    Doubt,
    Exclusion,
    LogLine,
    Message,
    MessageStatus,
    Reason,
    SentAgain,
    Try,
)
from deliveries.operations import doubts
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind, MailKind, Reply, Report
from reporting.figures import counted, kpis
from reporting.logs import languages, plan_rows, providers
from reporting.models import StandingFailures

PAGE_ROWS = 50
LONGEST_SEARCH = 320

# What the figures count, by the names that stand in addresses: a failed row that was never tried reached no server.
ATTEMPTED, BOUNCED, REFUSED, UNSENT = "attempted", "bounced", "refused", "unsent"
OPENS_TRACKED, OPENS_UNTRACKED = "opens_tracked", "opens_untracked"
CLICKS_TRACKED, CLICKS_UNTRACKED = "clicks_tracked", "clicks_untracked"
NO_REASON = "-"
_REFUSED = Q(status=MessageStatus.FAILED, tries__gt=0)
_BOUNCED = Q(status=MessageStatus.BOUNCED) | _REFUSED


def _tracked(what: Tracked) -> Q:
    """Messages that arrived and can tell of it."""
    return Q(status=MessageStatus.SENT, tracked__in=counted.with_bit(what))


BY_FIGURE = {
    ATTEMPTED: Q(status=MessageStatus.SENT) | _BOUNCED,
    BOUNCED: _BOUNCED,
    REFUSED: _REFUSED,
    UNSENT: Q(status=MessageStatus.FAILED, tries=0),
    OPENS_TRACKED: _tracked(Tracked.OPENS),
    OPENS_UNTRACKED: Q(status=MessageStatus.SENT) & ~_tracked(Tracked.OPENS),
    CLICKS_TRACKED: _tracked(Tracked.CLICKS),
    CLICKS_UNTRACKED: Q(status=MessageStatus.SENT) & ~_tracked(Tracked.CLICKS),
}
# The figure had the name before the status.
_CODES = {status: status.name.lower() for status in MessageStatus} | {MessageStatus.BOUNCED: "bounced_later"}
STATUSES = {code: Q(status=status) for status, code in _CODES.items()} | BY_FIGURE

# No index of the ledger knows of statuses; the rare ones are found by the small table that each has.
BESIDE_THE_LEDGER: dict[str, Any] = {"retrying": Try, "in_doubt": Doubt}

# Of others it is known in which chunks they are.
FEW_CHUNKS = 100
TALLIES = {
    "failed": ("failed",),
    "erased": ("erased",),
    "ignored": ("ignored",),
    "cancelled": ("cancelled",),
    "bounced_later": ("bounced",),
    BOUNCED: ("failed", "bounced"),
    REFUSED: ("failed",),
    UNSENT: ("unsent",),
}

OPENED, NOT_OPENED, CLICKED, UNSUBSCRIBED, COMPLAINED, REPLIED = (
    "opened",
    "not_opened",
    "clicked",
    "unsubscribed",
    "complained",
    "replied",
)
REACTIONS = {
    OPENED: _("Opened"),
    NOT_OPENED: _("Did not open"),
    CLICKED: _("Clicked"),
    UNSUBSCRIBED: _("Unsubscribed"),
    COMPLAINED: _("Complained"),
    REPLIED: _("Replied to the return path"),
}

Choices = Sequence[tuple[str, str | Promise]]


@dataclass(frozen=True)
class Choice:
    """A filter that is a list of choices."""

    name: str
    label: str | Promise
    options: Choices


def whole(text: str) -> int:
    """Return a number that stands in an address; raise Http404 for anything else."""
    if (found := numbers.key(text)) is None:
        raise Http404
    return found


@dataclass(frozen=True)
class Log:
    """One kind of log: its rows as its filters leave them, and the key that orders them."""

    code: str
    label: str | Promise
    rows: Callable[[Delivery, dict[str, str], User | None], QuerySet[Any]]
    filters: tuple[Choice, ...] = ()
    key: str = "id"
    newest_first: bool = False
    searches_address: bool = False
    kept: tuple[str, ...] = ()  # filters that no form offers: the address of a number has them
    read_key: Callable[[str], Any] = whole


@dataclass(frozen=True)
class Page:
    """One page of rows, and the keys that lead on; None where there is nothing more.

    With `looked_upto`, the number of a message, rows beyond it were not looked at yet.
    """

    rows: list[Any]
    previous: Any = None
    following: Any = None
    looked_upto: int | None = None


# Rows


# Each row of a person is marked: its address is shown to, and found by, those alone who may see the person.


def sending(delivery: Delivery, chosen: dict[str, str], user: User | None) -> QuerySet[Message]:
    """The recipients in the order of sending, each with its next try where one waits."""
    rows = Message.objects.filter(delivery=delivery).order_by("seq")
    rows = sight.marked(rows, user=user, unit=delivery.unit)
    if chosen.get("status"):
        rows = rows.filter(STATUSES[chosen["status"]])
        if small := BESIDE_THE_LEDGER.get(chosen["status"]):
            rows = rows.filter(seq__in=small.objects.filter(delivery=delivery).values_list("seq", flat=True))
        elif tallies := TALLIES.get(chosen["status"]):
            rows = rows.filter(_in_chunks(delivery, tallies))
    if chosen.get("moments"):
        rows = rows.filter(plan_rows.of_moments(delivery, chosen["moments"]))
    if chosen.get("zone") == plan_rows.NO_ZONE:
        rows = rows.filter(plan_rows.without_zone(delivery))
    rows = counted.messages(rows, delivery, chosen)
    if chosen.get("reason"):
        rows = rows.filter(reason="" if chosen["reason"] == NO_REASON else chosen["reason"])
    if chosen.get("provider"):
        rows = providers.of(rows, chosen["provider"], top=lambda: _top_providers(delivery, user))
    if chosen.get("language"):
        rows = languages.of(rows, chosen["language"])
    if chosen.get("reaction") in BY_MAIL:
        told = BY_MAIL[chosen["reaction"]]()
        rows = rows.filter(Exists(told.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))))
    elif chosen.get("reaction"):
        rows = rows.filter(_reacted(chosen["reaction"]), status=MessageStatus.SENT)
    if chosen.get("q"):
        rows = sight.search(rows, chosen["q"])
    waiting = Try.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    again = SentAgain.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    bounce = Bounce.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    return rows.annotate(
        next_try=Subquery(waiting.values("due_at")[:1]),
        first_unknown=Subquery(again.values("since")[:1]),
        bounced_at=Subquery(bounce.values("at")[:1]),
        bounce_text=Subquery(bounce.values("text")[:1]),
    )


def _in_chunks(delivery: Delivery, tallies: Sequence[str]) -> Q:
    """Where such rows are, by the tallies of the chunks; everywhere if that is in many."""
    some = reduce(or_, (Q(**{f"{name}__gt": 0}) for name in tallies))
    chunks = Chunk.objects.filter(some, delivery=delivery).order_by("seq_from")
    spans_ = list(chunks.values_list("seq_from", "seq_to")[: FEW_CHUNKS + 1])
    if len(spans_) > FEW_CHUNKS:
        return Q()
    return reduce(or_, (Q(seq__range=span) for span in spans_), Q(seq__lt=0))


def failed(delivery: Delivery, user: User | None) -> QuerySet[Message]:
    """The recipients whose message failed at a server, then or later."""
    rows = Message.objects.filter(_BOUNCED, delivery=delivery)
    return sight.marked(rows, user=user, unit=delivery.unit)


def _top_providers(delivery: Delivery, user: User | None) -> list[str]:
    """The providers with a line of their own where failures are counted: as pages draw them, else as they are now."""
    if user is None or access.sees_all_below(user, delivery.unit):
        standing = StandingFailures.objects.filter(delivery_id=delivery.pk, at__isnull=False).first()
        if standing is not None:
            return [provider for provider, _refused, _later in standing.by_provider]
    return [row["provider"] for row in providers.counted(failed(delivery, user))]


def complaints() -> QuerySet[Report]:
    """The complaints about messages of ours, as their signatures prove."""
    return Report.objects.filter(kind=MailKind.COMPLAINT, is_current=True, seq__gte=1)


BY_MAIL: dict[str, Callable[[], QuerySet[Any]]] = {COMPLAINED: complaints, REPLIED: Reply.objects.all}


def wishes_by_mail() -> QuerySet[Report]:
    """The mails to the signed address of a message by which its recipient wants no more, as in List-Unsubscribe."""
    return Report.objects.filter(evidence=Report.Evidence.UNSUBSCRIBE, is_current=True, seq__gte=1)


KINDS = {CLICKED: HitKind.CLICK, UNSUBSCRIBED: HitKind.UNSUBSCRIBE}


def _reacted(reaction: str) -> Q:
    of_message = {"delivery_id": OuterRef("delivery_id"), "seq": OuterRef("seq")}
    hits = Hit.objects.filter(**of_message).exclude(agent_kind=AgentKind.MACHINE)
    can_tell = Q(tracked__in=counted.with_bit(Tracked.OPENS))
    if reaction == NOT_OPENED:  # and did nothing else that implies it; whoever is unsure may have
        return Q(_none_of(hits)) & can_tell
    if reaction == OPENED:
        return Q(Exists(hits)) & can_tell
    found = Q(Exists(hits.filter(kind=KINDS[reaction]) if reaction in KINDS else hits))
    return found | Q(Exists(wishes_by_mail().filter(**of_message))) if reaction == UNSUBSCRIBED else found


def _none_of(hits: QuerySet[Any]) -> Case:
    """Whether there is none, looked for row by row: PostgreSQL would join all first, as it takes such rows for few."""
    return Case(When(Exists(hits), then=Value(False)), default=Value(True), output_field=BooleanField())


def exclusions(delivery: Delivery, chosen: dict[str, str], user: User | None) -> QuerySet[Exclusion]:
    """Who was left out of the latest preparation, and why."""
    counted = delivery.preparation.counted if delivery.preparation else None
    rows = Exclusion.objects.filter(delivery=delivery, preparation=counted).order_by("id")
    rows = sight.marked(rows, user=user, unit=delivery.unit)
    if chosen.get("cause"):
        rows = rows.filter(cause=chosen["cause"])
    if chosen.get("q"):
        rows = sight.search(rows, chosen["q"])
    return rows


def tracking(delivery: Delivery, chosen: dict[str, str], user: User | None) -> QuerySet[Hit]:
    """What came back, newest first, each with its recipient's address."""
    message = Message.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    rows = Hit.objects.filter(delivery=delivery).annotate(
        address=Subquery(message.values("address")[:1]), profile_id=Subquery(message.values("profile_id")[:1])
    )
    rows = sight.marked(rows, user=user, unit=delivery.unit)
    if chosen.get("kind"):
        rows = rows.filter(kind=chosen["kind"])
    if chosen.get("agent"):
        rows = rows.filter(agent_kind=chosen["agent"])
    rows = counted.narrowed(rows, delivery, chosen)
    if chosen.get("q"):
        rows = _of_addresses(rows, delivery, chosen["q"], user)
    return rows.order_by("-id")


def _of_addresses(rows: QuerySet[Any], delivery: Delivery, text: str, user: User | None) -> QuerySet[Any]:
    """The hits of those whom the sending log finds by this text: few of them are found by their messages."""
    found = sight.those_of(text)
    if found is None:
        return sight.search(rows, text)
    messages = sight.marked(Message.objects.filter(delivery=delivery), user=user, unit=delivery.unit)
    return rows.filter(seq__in=sight.search(messages, text, known=found).values("seq"))


def lines(delivery: Delivery, chosen: dict[str, str], user: User | None) -> QuerySet[LogLine]:
    """The delivery's own log, newest first."""
    rows = LogLine.objects.filter(delivery=delivery).order_by("-id")
    return rows.filter(level=chosen["level"]) if chosen.get("level") else rows


def unknown(delivery: Delivery, chosen: dict[str, str], user: User | None) -> QuerySet[Any]:
    """The messages whose outcome nobody knows, in the order of sending, each with its recipient's address."""
    rows = doubts.listed(delivery, user=user).order_by("seq")
    if chosen.get("noted"):
        rows = rows.filter(note="") if chosen["noted"] == "no" else rows.exclude(note="")
    if chosen.get("q"):
        rows = sight.search(rows, chosen["q"])
    return rows


# The lists without pages


def causes(delivery: Delivery) -> list[CauseRow]:
    """Every cause that was looked at, with its number; zero included."""
    return delivery.preparation.cause_rows if delivery.preparation else []


# What may be looked for, and where


def _uuid(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError:
        raise Http404 from None


_STATUSES: Choices = [
    (ATTEMPTED, _("Sent or failed")),
    *((code, status.label) for status, code in _CODES.items()),
    (BOUNCED, _("Bounces and errors")),
    (REFUSED, _("Failed while it was sent")),
    (UNSENT, _("Never reached a server")),
    *((named.name, named.label) for named in kpis.NAMED.values() if named.name.endswith("tracked")),
]
LOGS = {
    log.code: log
    for log in (
        Log(
            "log",
            _("Log"),
            lines,
            filters=(Choice("level", _("Level"), LogLine.Level.choices),),
            newest_first=True,
        ),
        Log(
            "sending",
            _("Sending log"),
            sending,
            filters=(
                Choice("status", _("Status"), _STATUSES),
                Choice(
                    "reason",
                    _("Reason"),
                    [(code or NO_REASON, label or _("None given")) for code, label in Reason.choices],
                ),
                Choice("reaction", _("Reaction"), list(REACTIONS.items())),
            ),
            key="seq",
            searches_address=True,
            kept=("link", "since", "until", "provider", "language", "moments", "zone"),
        ),
        Log(
            "unknown",
            _("Unknown outcomes"),
            unknown,
            filters=(Choice("noted", _("Note"), [("yes", _("With a note")), ("no", _("Without a note"))]),),
            key="seq",
            searches_address=True,
        ),
        Log(
            "exclusions",
            _("Exclusion log"),
            exclusions,
            filters=(Choice("cause", _("Cause"), Cause.choices),),
            searches_address=True,
        ),
        Log(
            "tracking",
            _("Tracking log"),
            tracking,
            filters=(
                Choice("kind", _("Type"), HitKind.choices),
                Choice("agent", _("Asked by"), AgentKind.choices),
                Choice("counted", _("Counts as"), list(counted.COUNTS_AS.items())),
            ),
            newest_first=True,
            searches_address=True,
            kept=("link", "since", "until", "hour", "hour_zone"),
            read_key=_uuid,
        ),
    )
}


def chosen(log: Log, query: QueryDict) -> dict[str, str]:
    """The filters that an address names; one that makes no sense is left away."""
    found = {}
    for choice in log.filters:
        value = query.get(choice.name, "")
        if any(value == name for name, _label in choice.options):
            found[choice.name] = value
    text = query.get("q", "").replace("\x00", "").strip()[:LONGEST_SEARCH]
    if log.searches_address and text:
        found["q"] = text
    if log.code == "sending" and (provider := providers.chosen(query.get("provider", ""))):
        found["provider"] = provider
    if log.code == "sending" and (language := languages.chosen(query.get("language", ""))):
        found["language"] = language
    return found | _hidden(log, query)


def _hidden(log: Log, query: QueryDict) -> dict[str, str]:
    """The filters that no form offers: a number's address has them."""
    if log.code not in ("tracking", "sending"):
        return {}
    found, moments = counted.chosen(query), query.get("moments", "")
    if log.code == "tracking":
        return found
    found = {name: value for name, value in found.items() if name not in counted.OF_HITS}
    if spans.read(moments):
        found["moments"] = moments
    return found | ({"zone": plan_rows.NO_ZONE} if query.get("zone") == plan_rows.NO_ZONE else {})


def page(log: Log, rows: QuerySet[Any], query: QueryDict, *, size: int = PAGE_ROWS) -> Page:
    """The page after a key (`after`) or before it (`before`), in the log's own order; else the first."""
    after, before = query.get("after", ""), query.get("before", "")
    further, nearer = ("lt", "gt") if log.newest_first else ("gt", "lt")
    if before:
        found = list(rows.filter(**{f"{log.key}__{nearer}": log.read_key(before)}).reverse()[: size + 1])
        has_more, found = len(found) > size, found[:size][::-1]
        return Page(found, _key(log, found, 0) if has_more else None, _key(log, found, -1))
    if after:
        rows = rows.filter(**{f"{log.key}__{further}": log.read_key(after)})
    found = list(rows[: size + 1])
    has_more, found = len(found) > size, found[:size]
    return Page(found, _key(log, found, 0) if after else None, _key(log, found, -1) if has_more else None)


def _key(log: Log, rows: list[Any], place: int) -> Any:
    return getattr(rows[place], log.key) if rows else None
