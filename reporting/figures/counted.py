"""Which hits count, and as what: one rule for charts, for what links got, and for the filters that open their rows.

What a machine asked for counts nowhere; nor does what came back of a message that, as is known now, did not arrive.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import ExtractHour
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from audiences.tracking import Tracked
from campaign.lib import numbers, reader_zone
from deliveries.models import Delivery, Message, MessageStatus, Preparation
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind

OPENS, CLICKS, MIRROR_VIEWS, UNSUBSCRIBES = "opens", "clicks", "mirror_views", "unsubscribes"
KINDS = {CLICKS: HitKind.CLICK, MIRROR_VIEWS: HitKind.MIRROR, UNSUBSCRIBES: HitKind.UNSUBSCRIBE}
COUNTS_AS = {
    OPENS: _("Open, or the first sign of one"),
    CLICKS: _("Click"),
    MIRROR_VIEWS: _("Mirror page view"),
    UNSUBSCRIBES: _("Opt-out"),
}
HIT_OF_LINK = {"tracked": HitKind.CLICK, "opt_out": HitKind.UNSUBSCRIBE, "mirror": HitKind.MIRROR}
OF_HITS = ("hour", "hour_zone")  # filters that messages don't have
LONGEST_MOMENT, MOST_LINKS = 40, 10_000

# The same in SQL, of a hit `h`.
IN_SQL = f"h.agent_kind <> '{AgentKind.MACHINE}'"
_BY_NO_MACHINE = ~Q(agent_kind=AgentKind.MACHINE)


def with_bit(what: Tracked) -> list[int]:
    """The values of a message's `tracked` that hold this."""
    return [value for value in range(Tracked.ALL + 1) if value & what]


def counted(hits: QuerySet[Any]) -> QuerySet[Any]:
    """Of these hits those that count."""
    of_message = Message.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    return hits.filter(_BY_NO_MACHINE, Exists(of_message.filter(status=MessageStatus.SENT)))


def counted_as(hits: QuerySet[Any], what: str) -> QuerySet[Any]:
    """Of these hits those that count as opens, clicks, mirror views or opt-outs.

    Whoever clicked without loading the picture has opened once, at the first that is known of them; of a message
    that left without the picture no open counts.
    """
    if what in KINDS:
        return counted(hits).filter(kind=KINDS[what])
    same = Hit.objects.filter(_BY_NO_MACHINE, delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    earlier = Q(at__lt=OuterRef("at")) | Q(at=OuterRef("at"), id__lt=OuterRef("id"))
    told = ~Exists(same.filter(kind=HitKind.OPEN)) & ~Exists(same.filter(earlier))
    of_message = Message.objects.filter(delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq"))
    can_tell = Exists(of_message.filter(tracked__in=with_bit(Tracked.OPENS)))
    return counted(hits).filter(Q(kind=HitKind.OPEN) | told, can_tell)


def links_of(delivery: Delivery) -> list[dict[str, Any]]:
    """The links of what was sealed, in their order; its texts are not read."""
    if delivery.preparation_id is None:
        return []
    rows = Preparation.objects.filter(pk=delivery.preparation_id).values_list("compiled__links", flat=True)
    return rows.first() or []


def of_link(delivery: Delivery, index: int) -> Q:
    """The hits of one link, by its number: clicks, or of our own pages their views and opt-outs."""
    kinds = {link["index"]: HIT_OF_LINK[link["kind"]] for link in links_of(delivery)}
    kind = kinds.get(index, HitKind.CLICK)
    return Q(kind=kind, link=index) if kind == HitKind.CLICK else Q(kind=kind)


# The filters that no form offers: the address of a number has them.


def chosen(query: QueryDict) -> dict[str, str]:
    """What an address says of link, span of time and hour of the day; what makes no sense is left away."""
    found = {name: query.get(name, "") for name in ("since", "until") if moment(query.get(name, ""))}
    if _link(link := query.get("link", "")) is not None:
        found["link"] = link
    hour, zone = query.get("hour", ""), query.get("hour_zone", "")
    if hour in _HOURS and reader_zone.named(zone):
        found |= {"hour": hour, "hour_zone": zone}
    return found


_HOURS = frozenset(map(str, range(24)))


def moment(text: str) -> datetime | None:
    """The moment that stands in an address, with its offset from UTC; None where it is none."""
    try:
        found = datetime.fromisoformat(text) if len(text) <= LONGEST_MOMENT else None
        return found.astimezone(UTC) if found is not None and found.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def in_address(at: datetime) -> str:
    """A moment as an address has it, without the plus that would have to be escaped."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _link(text: str) -> int | None:
    found = numbers.key(text)
    return found if found is not None and 0 <= found < MOST_LINKS else None


def narrowed(hits: QuerySet[Any], delivery: Delivery, by: Mapping[str, str]) -> QuerySet[Any]:
    """The hits that these filters leave."""
    if by.get("counted"):
        hits = counted_as(hits, by["counted"])
    if (link := _link(by.get("link", ""))) is not None:
        hits = hits.filter(of_link(delivery, link))
    if by.get("hour"):
        zone = reader_zone.named(by["hour_zone"])
        hits = hits.alias(hour=ExtractHour("at", tzinfo=zone)).filter(hour=int(by["hour"]))
    return within(hits, by)


def within(rows: QuerySet[Any], by: Mapping[str, str]) -> QuerySet[Any]:
    """The rows of a span of time, its end left out."""
    since, until = moment(by.get("since", "")), moment(by.get("until", ""))
    if since is not None:
        rows = rows.filter(at__gte=since)
    return rows.filter(at__lt=until) if until is not None else rows


def messages(rows: QuerySet[Message], delivery: Delivery, by: Mapping[str, str]) -> QuerySet[Message]:
    """The messages of a span of time, and those whose people followed a link."""
    if (link := _link(by.get("link", ""))) is not None:
        followed = Hit.objects.filter(
            _BY_NO_MACHINE, of_link(delivery, link), delivery_id=OuterRef("delivery_id"), seq=OuterRef("seq")
        )
        rows = rows.filter(Exists(followed), status=MessageStatus.SENT)
    return within(rows, by)
