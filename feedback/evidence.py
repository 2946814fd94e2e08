"""A signed hit proves that the message arrived: where its outcome was unknown, it is known now."""

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
    if not _is_open(delivery_id, seq):
        return False
    return resolutions.arrived(delivery_id=delivery_id, seq=seq, note=NOTES[HitKind(kind)])


def _is_open(delivery_id: int, seq: int) -> bool:
    """Whether the message is in doubt, or ever was sent again; one query and no lock, as each hit asks."""
    doubts, again = (of.objects.filter(delivery_id=delivery_id, seq=seq) for of in (Doubt, SentAgain))
    return bool(doubts.values_list("seq").union(again.values_list("seq"), all=True))
