"""The collection of real reports is read right."""

from pathlib import Path

import pytest
from django.conf import settings

from benchmarks import bounces

COLLECTION = Path(settings.BASE_DIR).parent / "shared" / "data" / "bounces"
pytestmark = pytest.mark.skipif(not COLLECTION.exists(), reason="the collection of reports is not at hand")


@pytest.fixture(scope="module")
def mails():
    return bounces.collection(COLLECTION)


@pytest.fixture(scope="module")
def said(mails):
    return bounces.timed(mails, bounces.of_sinete)


def test_kinds_and_recipients_are_right_and_nobody_is_harmed(mails, said):
    result = bounces.judged(mails, said[0])

    assert result.wrong == []
    assert result.harmed == []


def test_a_thousand_take_no_more_than_ten_seconds_of_a_usual_processor(mails, said):
    slow = 4  # times as slow as a usual one a machine of the check may be

    assert said[1] / len(mails) * 1000 < 10 * slow


def test_it_knows_more_than_the_peer(mails, said):
    theirs, _ = bounces.timed(mails, bounces.of_peer)

    ours = bounces.judged(mails, said[0])
    peer = bounces.judged(mails, theirs)

    assert (ours.kind, ours.recipients) > (peer.kind, peer.recipients)
