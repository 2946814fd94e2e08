"""What servers refuse while a delivery is sent counts against the address; a message that arrives makes up for it."""

from datetime import timedelta

import pytest

from audiences.models import AddressError, MailExchange, Quarantine
from audiences.quarantine import error_counts, quarantines
from audiences.quarantine.thresholds import Error
from campaign.lib import clock
from deliveries.models import Message, MessageStatus, SentAgain, Try
from deliveries.tests.ledger_rows import execute
from feedback import jobs
from feedback.intake import storing
from feedback.models import RefusalLook
from feedback.tests.mails import bounce_of
from reporting.tests.factories import delivery_with, outcome

pytestmark = pytest.mark.django_db

DAY = timedelta(days=1)


def refused(delivery, seq, *, nature="soft", reason="mailbox_full", ago=timedelta(0), tries=1):
    """The row as a send leaves it whose recipient a server refused."""
    Message.objects.filter(delivery=delivery, seq=seq).update(
        nature=nature, reason=reason, reply="5.2.2 mailbox full", tries=tries, at=clock.now() - ago
    )


def key_of(delivery, seq=1):
    return Message.objects.get(delivery=delivery, seq=seq).address_key


def standing():
    return dict(Quarantine.objects.values_list("address_key", "status"))


def test_each_refusal_counts_once_however_often_it_is_looked_at_and_what_is_ours_never():
    delivery = delivery_with(failed=7)
    natures = ["soft", "hard", "ignored", "soft", "soft", "soft", "soft"]
    reasons = ["mailbox_full", "user_unknown", "refused", "blocked", "content", "expired", "unreachable"]
    for seq, (nature, reason) in enumerate(zip(natures, reasons, strict=True), start=1):
        refused(delivery, seq, nature=nature, reason=reason, tries=0 if seq == 7 else 1)

    for _time in range(3):
        jobs.count_refusals()
        RefusalLook.objects.update(counted=[])  # as if the look before had died before it was noted

    assert standing() == {key_of(delivery, 1): "erroneous", key_of(delivery, 2): "erroneous"}
    assert AddressError.objects.count() == 2
    assert set(AddressError.objects.values_list("nature", flat=True)) == {"soft"}
    domains = {key_of(delivery, seq).rpartition("@")[2] for seq in (1, 2)}
    assert domains <= set(MailExchange.objects.values_list("domain", flat=True))


def test_what_fails_after_a_look_is_found_by_the_next_one():
    delivery = delivery_with(sending=True, recipients=3, failed=1)
    refused(delivery, 1)
    jobs.count_refusals()

    outcome(delivery, 2, MessageStatus.FAILED)
    refused(delivery, 2)
    jobs.count_refusals()

    assert AddressError.objects.count() == 2


def test_a_message_that_is_tried_again_counts_once_in_the_spacing():
    delivery = delivery_with(sending=True, recipients=2, retrying=1)
    for hours in (49, 48.9, 24.5, 0.1):
        refused(delivery, 1, ago=timedelta(hours=hours))
        jobs.count_refusals()

    entry = Quarantine.objects.get()
    assert (entry.status, entry.errors) == ("erroneous", 3)

    Try.objects.filter(delivery=delivery).delete()
    Message.objects.filter(delivery=delivery, seq=1).update(status=MessageStatus.SENT, at=clock.now() + DAY)
    jobs.forgive_reached()

    assert standing() == {key_of(delivery): "valid"}


def test_what_a_refusal_held_at_once_stays_held_and_a_release_stays_a_release(django_user_model):
    delivery = delivery_with(failed=1)
    refused(delivery, 1, nature="hard", reason="user_unknown", ago=DAY)
    quarantines.hold(
        address_key=key_of(delivery),
        reason="user_unknown",
        error_text="",
        at=clock.now(),
        reference="delivery",
    )
    jobs.count_refusals()
    assert standing() == {key_of(delivery): "quarantine"}

    Quarantine.objects.update(status="valid", forgiven_at=clock.now())
    RefusalLook.objects.all().delete()
    jobs.count_refusals()

    assert standing() == {key_of(delivery): "valid"}


# A message that arrives


def soft(key, *, ago, number=1):
    """So many soft errors, a day apart, the last so long ago."""
    now = clock.now()
    for each in range(number):
        at = now - ago - each * DAY
        error_counts.count(
            [(key, Error(at, "soft", "refused", "later", f"report of {key} {at}"))], at=clock.now()
        )


@pytest.mark.parametrize(
    ("errors", "nature", "hours_since_the_error", "status"),
    [
        (1, "soft", 1, "valid"),
        (4, "soft", 1, "valid"),
        (1, "soft", -1, "erroneous"),  # it was sent before the error
        (5, "soft", 1, "quarantine"),  # which nothing leaves by itself
        (1, "hard", 1, "quarantine"),
        (1, "complaint", 1, "denylist"),
    ],
)
def test_a_message_that_arrives_later_makes_an_erroneous_address_valid_and_no_other(
    errors, nature, hours_since_the_error, status
):
    delivery = delivery_with(sent=1)
    key = key_of(delivery)
    if nature == "soft":
        soft(key, ago=timedelta(hours=2), number=errors)
    else:
        at = clock.now() - timedelta(hours=2)
        error_counts.count([(key, Error(at, nature, "user_unknown", "", "r"))], at=at)
    Message.objects.filter(delivery=delivery).update(
        at=clock.now() - timedelta(hours=2 - hours_since_the_error)
    )

    jobs.forgive_reached()
    jobs.forgive_reached()

    assert standing() == {key: status}


def test_only_what_was_sent_to_that_very_address_has_arrived():
    delivery = delivery_with(in_doubt=1, cancelled=1, failed=1, sent=1)
    SentAgain.objects.create(delivery=delivery, seq=1, since=clock.now())  # the one that is *sent*
    for seq in (1, 2, 3, 4):
        soft(key_of(delivery, seq), ago=DAY)

    jobs.forgive_reached()

    assert set(standing().values()) == {"erroneous"}


def test_what_was_forgotten_for_a_message_that_bounces_after_all_counts_again():
    delivery, other = delivery_with(sent=1), delivery_with(sent=1)
    key = key_of(delivery)
    profile = Message.objects.get(delivery=delivery).profile_id
    soft(key, ago=timedelta(hours=30), number=3)
    jobs.forgive_reached()
    assert standing() == {key: "valid"}

    storing.store(bounce_of(delivery, status="5.2.2"))
    jobs.read_mail()
    assert Quarantine.objects.get(address_key=key).errors == 4

    # Another message, to the same person, arrived between the third error and the bounce.
    execute("ALTER TABLE deliveries_message DISABLE TRIGGER USER")
    Message.objects.filter(delivery=other).update(
        profile_id=profile, address_key=key, at=clock.now() - timedelta(hours=1)
    )
    execute("ALTER TABLE deliveries_message ENABLE TRIGGER USER")
    jobs.forgive_reached()

    entry = Quarantine.objects.get(address_key=key)
    assert (entry.status, entry.errors) == ("erroneous", 1)
