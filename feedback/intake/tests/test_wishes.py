"""Mail to the address of List-Unsubscribe opts its recipient out, whoever sends it and whatever it says."""

import pytest
from django.core import mail

from audiences.models import ConsentEvent, Profile
from campaign.stack.module_db import once
from deliveries.channels import unsubscribe_mail
from deliveries.models import Message
from deliveries.proofs import showing
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import statuses
from feedback import jobs
from feedback.intake import storing
from feedback.models import Outcome, Reply, Report
from feedback.tests.mails import bounce_of

pytestmark = pytest.mark.django_db
PLAIN = "From: ana@example.com\nSubject: unsubscribe\n\n"
BY_A_PROGRAM = "From: nobody@mail.example\nAuto-Submitted: auto-generated\nSubject: unsubscribe\n\n"


@once
def delivery():
    return DeliveryFactory(finished=True, recipients=2)


def address(delivery, seq: int = 1) -> str:
    return unsubscribe_mail.sign(delivery.key, seq, domain="bounces.example.com")


def opted_out(delivery) -> list[bool]:
    rows = Message.objects.filter(delivery=delivery).order_by("seq").values_list("profile_id", flat=True)
    return [Profile.objects.get(pk=pk).no_email for pk in rows]


def take(text: str, to: str, *, in_header: bool = False) -> None:
    storing.store(
        (f"To: {to}\n" if in_header else "").encode() + text.encode(), envelope_to="" if in_header else to
    )
    jobs.read_mail()


@pytest.mark.parametrize("text", [PLAIN, BY_A_PROGRAM], ids=["by a person", "by a program"])
@pytest.mark.parametrize("in_header", [False, True], ids=["envelope", "header"])
def test_whoever_was_written_to_gets_no_more_mail(delivery, text, in_header):
    take(text, address(delivery).upper().replace("U-", "u-", 1), in_header=in_header)

    event = ConsentEvent.objects.get()
    assert opted_out(delivery) == [True, False]
    assert (event.source, event.reference) == ("unsubscribe_mail", f"delivery {delivery.pk}")
    assert Report.objects.get().outcome == Outcome.OPTED_OUT
    assert statuses(delivery) == ["SENT", "SENT"]


def test_it_is_no_reply_and_forwarded_to_nobody(delivery):
    take(PLAIN, address(delivery))

    assert (Reply.objects.count(), mail.outbox) == (0, [])


def test_a_second_mail_and_a_second_reading_change_nothing(delivery):
    take(PLAIN, address(delivery))
    take(PLAIN + "again", address(delivery))
    jobs.read_mail()

    assert ConsentEvent.objects.count() == 1
    assert {each.outcome for each in Report.objects.all()} == {Outcome.OPTED_OUT}


@pytest.mark.parametrize("seq", [0, showing.FIRST_NUMBER], ids=["a sample", "a proof"])
def test_a_proof_opts_nobody_out(delivery, seq):
    take(PLAIN, address(delivery, seq))

    assert opted_out(delivery) == [False, False]
    assert Report.objects.get().outcome == Outcome.PROOF


def test_an_address_that_nobody_signed_says_nothing(delivery):
    take(PLAIN, f"u-{'0' * 54}@bounces.example.com")

    assert opted_out(delivery) == [False, False]
    assert Report.objects.get().outcome == Outcome.UNSIGNED


def test_one_that_names_two_people_opts_out_neither(delivery):
    storing.store(f"To: {address(delivery, 2)}\n{PLAIN}".encode(), envelope_to=address(delivery, 1))
    jobs.read_mail()

    assert opted_out(delivery) == [False, False]


def test_a_bounce_that_strays_there_is_no_wish(delivery):
    storing.store(bounce_of(delivery), envelope_to=address(delivery, 2))
    jobs.read_mail()

    assert opted_out(delivery) == [False, False]
    assert statuses(delivery) == ["BOUNCED", "SENT"]
