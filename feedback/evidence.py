"""A signed hit proves that the message arrived: where its outcome was unknown, it is known now."""

from django.utils.translation import gettext_noop as n_

from campaign.lib import clock
from deliveries.models import Doubt, Try
from deliveries.sending import recovery, resolutions
from feedback.models import HitKind

NOTES = {
    HitKind.OPEN: n_("Known to have arrived: it was opened."),
    HitKind.CLICK: n_("Known to have arrived: a link in it was followed."),
    HitKind.MIRROR: n_("Known to have arrived: its mirror page was opened."),
    HitKind.UNSUBSCRIBE: n_("Known to have arrived: its reader opted out by it."),
}


def consider(*, delivery_id: int, seq: int, kind: HitKind) -> bool:
    """A message in doubt counts as sent from now on; False if it was not in doubt.

    So does one that somebody had sent again and that has not left a second time: it stays home.
    """
    note = NOTES[HitKind(kind)]
    if Doubt.objects.filter(delivery_id=delivery_id, seq=seq).exists():
        return recovery.resolve_doubt(
            delivery_id=delivery_id, seq=seq, as_sent=True, at=clock.now(), note=note
        )
    if Try.objects.filter(delivery_id=delivery_id, seq=seq).exclude(doubted_at=None).exists():
        return resolutions.arrived(delivery_id=delivery_id, seq=seq, note=note)
    return False
