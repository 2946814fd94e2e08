"""Releasing a wave that was held because those before it bounced too much."""

from datetime import datetime

from django.db import transaction
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Refusal
from deliveries import queues
from deliveries.lifecycle import groups, log
from deliveries.models import Delivery, Moment
from deliveries.schedule import planning
from deliveries.sending import gate


class NoWaveHeld(Refusal):
    message = _("No wave of “%(delivery)s” is held.")
    code = "no_wave_held"


def held(delivery: Delivery) -> Moment | None:
    """Return the wave that waits for a person, if one does."""
    if delivery.status not in groups.UNDER_WAY:
        return None
    return delivery.moments.filter(held_at__isnull=False, released_at=None).order_by("number").first()


@transaction.atomic
def release(*, delivery: Delivery, by: User, at: datetime) -> Moment:
    """Let the held wave leave now, and those behind it an interval later each; each is judged again.

    Raise access.NotAllowed, NoWaveHeld where none is held, and what `gate.require_open` raises.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    access.require(by, Right.START, delivery)
    wave = held(delivery)
    if wave is None:
        raise NoWaveHeld(delivery=delivery)
    gate.require_open(delivery)
    delivery.moments.filter(number=wave.number).update(released_at=at, released_by=by)
    planning.move_waves(delivery, first=wave, at=at)
    percent = str(wave.held_percent)
    audit.record("release_wave", by=by, target=delivery, wave=wave.number, percent=percent)
    log.write(
        delivery, at, n_("Wave %(number)s released by %(by)s, after %(percent)s%% bounces and errors"),
        number=wave.number, by=str(by), percent=percent,
    )  # fmt: skip
    queues.TICK.enqueue()
    wave.refresh_from_db()
    return wave
