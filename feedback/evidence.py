"""A signed hit proves that the message arrived: where its outcome was unknown, it is known now."""

from django.utils.translation import gettext_noop as n_

from campaign.lib import clock
from deliveries.models import Doubt
from deliveries.sending import recovery
from feedback.models import HitKind

NOTES = {
    HitKind.OPEN: n_("Known to have arrived: it was opened."),
    HitKind.CLICK: n_("Known to have arrived: a link in it was followed."),
    HitKind.MIRROR: n_("Known to have arrived: its mirror page was opened."),
    HitKind.UNSUBSCRIBE: n_("Known to have arrived: its reader opted out by it."),
}


def consider(*, delivery_id: int, seq: int, kind: HitKind) -> bool:
    """A message in doubt counts as sent from now on; False if it was not in doubt."""
    if not Doubt.objects.filter(delivery_id=delivery_id, seq=seq).exists():
        return False
    return recovery.resolve_doubt(
        delivery_id=delivery_id, seq=seq, as_sent=True, at=clock.now(), note=NOTES[HitKind(kind)]
    )
