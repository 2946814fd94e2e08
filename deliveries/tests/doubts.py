"""Messages of unknown outcome, and what a person decides of them."""

from datetime import timedelta

from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.operations import doubts
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person
from deliveries.tests.ledger_rows import abandon_a_window, execute
from deliveries.tick import look

LONG_AGO = timedelta(hours=1)


def in_doubt(recipients=4, handed=2, *, age=LONG_AGO, **stage) -> Delivery:
    """A delivery whose worker died after a hand-over, so long ago; the rest of it is sent."""
    delivery = DeliveryFactory(sending=True, recipients=recipients)
    abandon_a_window(delivery, handed)
    look.tick()
    execute(
        "UPDATE deliveries_message SET status = 1, tries = 1 WHERE delivery_id = %s AND status = 0",
        delivery.pk,
    )
    execute("UPDATE deliveries_chunk SET handed_upto = seq_to WHERE delivery_id = %s", delivery.pk)
    execute(
        "UPDATE deliveries_doubt SET since = since - make_interval(secs => %s) WHERE delivery_id = %s",
        age.total_seconds(), delivery.pk,
    )  # fmt: skip
    gate.finish_if_over(delivery.pk)
    return Delivery.objects.get(pk=delivery.pk)


def decide(delivery, decision, seqs=None, *, by=None, reason="The relay says so", **more):
    """A person decides; somebody who may start deliveries unless said."""
    return doubts.decide(
        delivery=delivery, decision=decision, by=by or person("start", delivery.unit), at=clock.now(),
        reason=reason, seqs=seqs, **more,
    )  # fmt: skip
