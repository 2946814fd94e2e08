"""What people write back to a return path reaches whoever reads replies, and is counted."""

import pytest
from django.core import mail

from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import statuses
from feedback import jobs
from feedback.intake import storing
from feedback.models import IncomingMail, Outcome, Reply, Report
from feedback.tests.mails import bounce_of, human_reply

pytestmark = pytest.mark.django_db


def delivery_with_reply_to(address="shop@serra-alta.example.com"):
    return DeliveryFactory(finished=True, recipients=1, content={"reply_to": address})


def test_a_reply_is_forwarded_once_as_it_came_and_moves_nothing():
    delivery = delivery_with_reply_to()
    raw = human_reply(delivery)

    storing.store(raw)
    jobs.read_mail()
    jobs.read_mail()

    (sent,) = mail.outbox
    assert (sent.to, sent.reply_to) == (["shop@serra-alta.example.com"], ["Ana <ana@example.com>"])
    assert sent.attachments[0][1] == raw
    assert (Reply.objects.get().seq, Report.objects.get().outcome) == (1, Outcome.NOTED)
    assert statuses(delivery) == ["SENT"]


def test_what_was_forwarded_is_not_forwarded_again_when_it_comes_back():
    delivery = delivery_with_reply_to()

    storing.store(b"X-Sinete-Forwarded: 1\n" + human_reply(delivery))
    jobs.read_mail()

    assert mail.outbox == []


def test_neither_reports_nor_mail_without_a_signature_are_forwarded():
    delivery = delivery_with_reply_to()

    storing.store(bounce_of(delivery))
    storing.store(human_reply(delivery).replace(b"To: b-", b"To: x-b-0"))
    jobs.read_mail()

    assert (mail.outbox, Reply.objects.count()) == ([], 0)


def test_a_delivery_that_names_nobody_for_replies_counts_them():
    delivery = delivery_with_reply_to("")

    storing.store(human_reply(delivery))
    jobs.read_mail()

    assert (mail.outbox, Reply.objects.filter(delivery=delivery).count()) == ([], 1)


def test_a_reply_that_could_not_be_forwarded_is_tried_again_later(settings):
    delivery = delivery_with_reply_to()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 1

    storing.store(human_reply(delivery))
    jobs.read_mail()

    reply = Reply.objects.get()
    assert (reply.forwarded_at, reply.tries) == (None, 1)
    assert reply.next_try_at > reply.mail.received_at


def test_a_reply_of_parts_in_parts_in_parts_holds_up_no_other():
    delivery = delivery_with_reply_to()
    nested = b"".join(
        b"Content-Type: multipart/mixed; boundary=a%d\n\n--a%d\n" % (n, n) for n in range(1_200)
    )

    storing.store(human_reply(delivery) + nested)
    storing.store(
        human_reply(delivery).replace(b"Ana <ana@", b"Bia <bia@").replace(b"\n\n", b"\n" + nested, 1)
    )
    storing.store(human_reply(delivery))
    jobs.read_mail()

    assert len(mail.outbox) == 3


def test_a_mail_is_stored_though_its_recipient_is_not_in_utf8():
    assert storing.store(human_reply(delivery_with_reply_to()), envelope_to="b-1\udce9@bounces.example.com")

    assert IncomingMail.objects.get().envelope_to == "b-1?@bounces.example.com"
