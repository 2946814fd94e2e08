import pytest

from deliveries.ledger.tallies import Progress, progress_of
from deliveries.models import Chunk
from deliveries.overview import state
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


def test_only_what_began_has_a_standing():
    ready, finished = DeliveryFactory(ready=True), DeliveryFactory(finished=True, recipients=4)

    found = progress_of([ready, finished])

    assert found == {finished.pk: Progress(done=4)}


@pytest.mark.parametrize(
    ("stage", "tallies", "words", "tone"),
    [
        ("scheduled", {}, "Starting", ""),
        ("sending", {}, "Sending", ""),
        ("sending", {"sent": 1, "retrying": 1}, "Sending", ""),
        ("sending", {"sent": 1, "retrying": 2}, "Retrying 2", ""),
        ("paused", {"sent": 1, "retrying": 2}, "Paused", ""),
        ("finished", {}, "Finished", ""),
        ("finished", {"sent": 2, "in_doubt": 1}, "Finished, 1 unknown", "yellow"),
    ],
)
def test_the_status_in_words(stage, tallies, words, tone):
    delivery = DeliveryFactory(recipients=3, **{stage: True})
    Chunk.objects.filter(delivery=delivery).update(**tallies)

    state.annotate([delivery])

    assert (state.label(delivery), state.tone(delivery)) == (words, tone)
