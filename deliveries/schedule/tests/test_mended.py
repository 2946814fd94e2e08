"""What was mended since is not told any more, and one of a thing reads as one."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import translation

from audiences.models import Audience
from campaign.lib import numbers, reader_zone
from deliveries.content.findings import Finding
from deliveries.models import Delivery, LogLine, Preparation
from deliveries.models.singulars import SINGULARS
from deliveries.schedule import mended

ENDED = datetime(2026, 11, 12, 12, tzinfo=UTC)
LATER, EARLIER = ENDED + timedelta(hours=1), ENDED - timedelta(hours=1)


def found(code, where):
    return Finding("error", code, "text", where)


@pytest.mark.parametrize(
    ("code", "where", "delivery", "is_mended"),
    [
        ("empty_subject", "subject", {"content_id": 1}, False),
        ("empty_subject", "subject", {"content_id": 2}, True),
        ("empty_content", "content", {"content_id": 2}, True),
        ("no_schedule", "schedule", {"schedule_kind": ""}, False),
        ("no_schedule", "schedule", {"schedule_kind": "at_once"}, True),
        ("date_passed", "schedule", {"contact_date": EARLIER}, False),
        ("date_passed", "schedule", {"contact_date": LATER}, True),
        ("date_passed", "schedule", {"contact_date": None}, True),
        ("no_audience", "audience", {}, False),
        ("no_audience", "audience", {"audience_id": 7}, True),
        ("empty_target", "audience", {"changed_at": EARLIER}, False),
        ("empty_target", "audience", {"changed_at": LATER}, True),
        ("empty_target", "audience", {"audience": Audience(pk=7, changed_at=LATER)}, True),
        ("empty_target", "audience", {"audience": Audience(pk=7, changed_at=EARLIER)}, False),
        ("broken", "", {"content_id": 2, "changed_at": LATER}, False),
    ],
)
def test_what_was_changed_since_is_told_no_more(code, where, delivery, is_mended):
    made = Delivery(**{"changed_at": EARLIER, "content_id": 1} | delivery)

    assert (
        mended.is_mended(found(code, where), made, Preparation(content_id=1, ended_at=ENDED), at=ENDED)
        == is_mended
    )


@pytest.mark.parametrize("text", SINGULARS)
def test_one_reads_as_one_in_both_languages(text):
    slot, _singular = SINGULARS[text]
    slots = dict.fromkeys(
        ("targeted", "findings", "errors", "seconds", "to_deliver", "excluded", "number"), 3
    )
    slots |= {"by": "Ana", "copies": 3, "people": 3, "reason": "why", "links": 3, "words": 3}

    for language in ("en", "pt-br"):
        with translation.override(language):
            many, one = (LogLine(text=text, slots=slots | {slot: n}).message for n in (2, 1))
            assert many.replace("2", "1") != one
            assert Finding("info", "x", text, slots=slots | {slot: 1}).message == one


def test_dates_zones_and_decimals_are_written_as_their_reader_does():
    sao_paulo = reader_zone.named("America/Sao_Paulo")
    assert reader_zone.in_words(ENDED, sao_paulo) == "12 Nov 2026, 09:00 America/Sao Paulo"
    assert numbers.short(2.5) == "2.5"

    with translation.override("pt-br"):
        assert reader_zone.in_words(ENDED, sao_paulo) == "12/11/2026, 09:00 America/Sao Paulo"
        assert reader_zone.written(ENDED, sao_paulo, "D j M, H:i").endswith(" 12/11, 09:00")
        assert (numbers.short(2.5), numbers.short(2)) == ("2,5", "2")
