"""A signed hit proves that the message arrived: where its outcome was unknown, it is known now."""

from collections import defaultdict
from collections.abc import Iterable

from django.utils.translation import gettext_noop as n_

from deliveries.ledger import resolutions
from deliveries.models import Doubt, SentAgain
from feedback.models import HitKind

NOTES = {
    HitKind.OPEN: n_("Known to have arrived: it was opened."),
    HitKind.CLICK: n_("Known to have arrived: a link in it was followed."),
    HitKind.MIRROR: n_("Known to have arrived: its mirror page was opened."),
    HitKind.UNSUBSCRIBE: n_("Known to have arrived: its reader opted out by it."),
}


def apply(*, delivery_id: int, seq: int, kind: HitKind) -> bool:
    """A message in doubt counts as sent from now on, and so does one that was sent again, if it was not yet."""
    if not _open(delivery_id, {seq}):
        return False
    return resolutions.arrived(delivery_id=delivery_id, seq=seq, note=NOTES[HitKind(kind)])


def open_among(found: Iterable[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
    """Of deliveries, numbers and kinds of hits those whose message is in doubt, or ever was sent again.

    One query and no lock for each delivery among them.
    """
    by_delivery: dict[int, list[tuple[int, int, str]]] = defaultdict(list)
    for one in found:
        by_delivery[one[0]].append(one)
    there = []
    for delivery_id, hits in by_delivery.items():
        open_ones = _open(delivery_id, {seq for _delivery_id, seq, _kind in hits})
        there += [one for one in hits if one[1] in open_ones]
    return there


def _open(delivery_id: int, seqs: set[int]) -> set[int]:
    doubts, again = (of.objects.filter(delivery_id=delivery_id, seq__in=seqs) for of in (Doubt, SentAgain))
    return set(doubts.values_list("seq", flat=True).union(again.values_list("seq", flat=True), all=True))
