"""What came back by mail, in the figures and the history."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.channels import unsubscribe_mail
from deliveries.models import Delivery, Message
from feedback import jobs
from feedback.intake import storing
from feedback.models import Hit, HitKind, IncomingMail, Report
from feedback.tests.factories import hit
from feedback.tests.mails import bounce_of, human_reply
from reporting.counting import statistics
from reporting.management.commands.show_delivery import everything
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


def complain(delivery, seq):
    """A complaint as its reader leaves it."""
    mail = IncomingMail.objects.create(digest=f"{delivery.pk}-{seq}".encode(), raw=b"", read_at=clock.now())
    Report.objects.create(mail=mail, number=1, at=clock.now(), kind="complaint", reason="abuse",
                          evidence="header", delivery=delivery, seq=seq)  # fmt: skip


def test_complaints_and_replies_stand_beside_the_figures_and_open_their_rows():
    delivery = delivery_with(sent=3)
    complain(delivery, 2)
    storing.store(human_reply(delivery, 3))
    jobs.read_mail()
    client = Client()
    client.force_login(UserFactory(roles={"prepare": delivery.unit}))
    log = reverse("reporting:window", args=[delivery.pk, "sending"])
    addresses = list(
        Message.objects.filter(delivery=delivery).order_by("seq").values_list("address", flat=True)
    )

    counts = statistics.counts(delivery)
    block = client.get(reverse("reporting:block", args=[delivery.pk])).content.decode()

    assert (counts.delivered, counts.failed, counts.complaints, counts.replies) == (3, 0, 1, 1)
    for reaction, seq in (("complained", 2), ("replied", 3)):
        assert f"{log}?reaction={reaction}" in block
        rows = client.get(log, {"reaction": reaction}).content.decode()
        assert [address in rows for address in addresses] == [n == seq for n in (1, 2, 3)]


def test_who_bounced_since_counts_as_an_opener_no_more_after_the_next_full_hour():
    delivery = delivery_with(sent=2)
    for seq in (1, 2):
        hit(delivery, HitKind.OPEN, seq=seq)
    statistics.count_hourly()
    Hit.objects.update(stored_at="2020-01-01T00:00Z")
    storing.store(bounce_of(delivery, 1))
    jobs.read_mail()

    statistics.count_hourly()

    assert (statistics.counts(delivery).openers, statistics.counts(delivery).delivered) == (1, 1)


def test_the_history_of_a_person_tells_of_the_bounce():
    delivery = delivery_with(sent=1)
    storing.store(bounce_of(delivery, 1))
    jobs.read_mail()
    client = Client()
    client.force_login(UserFactory(roles={"prepare": delivery.unit}))
    profile_id = Message.objects.get(delivery=delivery).profile_id

    page = client.get(reverse("reporting:profile_history", args=[profile_id])).content.decode()

    assert "Hard bounce" in page
    assert reverse("reporting:message", args=[delivery.pk, 1]) in page


def test_who_unsubscribes_by_mail_counts_as_who_does_by_the_link_and_stands_in_the_list():
    delivery = delivery_with(sent=3)
    Delivery.objects.filter(pk=delivery.pk).update(tracking=False)
    hit(delivery, HitKind.UNSUBSCRIBE, seq=1)
    for seq in (1, 2):
        storing.store(f"From: a@example.com\nSubject: {seq}\n\n".encode(),
                      envelope_to=unsubscribe_mail.sign(delivery.key, seq, domain="b.example.com"))  # fmt: skip
    jobs.read_mail()
    statistics.count_hourly()
    client = Client()
    client.force_login(UserFactory(roles={"prepare": delivery.unit}))
    log = reverse("reporting:window", args=[delivery.pk, "sending"]) + "?reaction=unsubscribed"

    pages = [client.get(reverse(name, args=args)).content.decode() for name, args in (
        ("reporting:block", [delivery.pk]), ("deliveries:list", []),
    )]  # fmt: skip

    assert statistics.counts(delivery).unsubscribers == 2
    assert [row.seq for row in client.get(log).context["page"].rows] == [1, 2]
    assert all(log in page for page in pages)
    assert everything(delivery)["kpis"]["unsubscribes"]["number"] == 2
