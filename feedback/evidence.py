"""A signed hit proves that the message arrived: where its outcome was unknown, it is known now."""

from django.db.models import Value
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
    open_as = _open_as(delivery_id, seq)
    if "doubt" in open_as:
        return recovery.resolve_doubt(
            delivery_id=delivery_id, seq=seq, as_sent=True, at=clock.now(), note=note
        )
    return "again" in open_as and resolutions.arrived(delivery_id=delivery_id, seq=seq, note=note)


def _open_as(delivery_id: int, seq: int) -> set[str]:
    """Whether the message is in doubt, or was and is to be sent again; one query, as each hit asks."""
    doubt = Doubt.objects.filter(delivery_id=delivery_id, seq=seq)
    again = Try.objects.filter(delivery_id=delivery_id, seq=seq, doubted_at__isnull=False)
    return {
        name
        for (name,) in doubt.values_list(Value("doubt")).union(again.values_list(Value("again")), all=True)
    }
