"""The pages about mail that comes back."""

import pytest
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.quarantine import quarantines
from campaign.lib import clock
from feedback import jobs
from feedback.intake import storing
from feedback.models import IncomingMail, MailSource, Reclassification, Report
from feedback.tests.mails import bounce_of
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db


@pytest.fixture
def client():
    signed_in = Client()
    signed_in.force_login(UserFactory(roles={"administration": root()}, is_staff=True))
    return signed_in


def test_what_came_back_is_listed_and_leads_to_mail_message_and_address(client):
    delivery = delivery_with(sent=1)
    for signs in ((), ("header",)):
        storing.store(bounce_of(delivery, signs=signs))
    jobs.read_mail()
    report = Report.objects.get(outcome="bounced")

    listed = client.get(reverse("feedback:incoming")).content.decode()
    unsigned = client.get(reverse("feedback:incoming"), {"outcome": "unsigned"}).content.decode()
    message = client.get(reverse("reporting:message", args=[delivery.pk, 1])).content.decode()
    log = client.get(reverse("reporting:window", args=[delivery.pk, "sending"])).content.decode()

    assert reverse("reporting:message", args=[delivery.pk, 1]) in listed
    assert reverse("reporting:message", args=[delivery.pk, 1]) not in unsigned
    assert "user unknown" in log
    assert reverse("reporting:report", args=[delivery.pk, 1, report.pk]) in message
    for page in (
        reverse("feedback:incoming-mail", args=[report.mail_id]),
        reverse("reporting:report", args=[delivery.pk, 1, report.pk]),
    ):
        assert "Undelivered Mail Returned to Sender" in client.get(page).content.decode()
    of_address = client.get(reverse("admin:feedback_report_changelist"), {"q": report.address_key})
    assert of_address.status_code == 200
    assert str(report.pk) in of_address.content.decode()


def test_an_entry_of_the_quarantine_opens_its_reports(client):
    entry = quarantines.hold(
        address_key="a@example.com", reason="user_unknown", error_text="", at=clock.now(), reference=""
    )

    page = client.get(reverse("admin:audiences_quarantine_change", args=[entry.pk])).content.decode()

    assert f"{reverse('admin:feedback_report_changelist')}?q=a%40example.com" in page


@pytest.mark.parametrize("where", ["feedback:incoming-check", "admin:feedback_mailsource_check"])
def test_a_source_is_tried_from_the_page_and_the_desk(client, where):
    source = MailSource.objects.create(label="Box", kind="maildir", path="/nowhere")

    page = client.post(reverse(where, args=[source.pk]), follow=True)

    assert "SINETE_MAIL_FOLDERS" in page.content.decode()


def test_at_the_desk_a_source_is_made_changed_and_removed(client):
    typed = {"label": "Box", "kind": "imap", "is_active": "on", "host": "imap.example.com", "port": "993",
             "tls": "tls", "username": "bounces", "password_variable": "BOUNCES_PASSWORD", "mailbox": "INBOX"}  # fmt: skip

    client.post(reverse("admin:feedback_mailsource_add"), typed)
    source = MailSource.objects.get()
    client.post(reverse("admin:feedback_mailsource_change", args=[source.pk]), typed | {"host": ""})
    source.refresh_from_db()
    assert source.host == "imap.example.com"
    client.post(reverse("admin:feedback_mailsource_delete", args=[source.pk]), {"post": "yes"})

    assert not MailSource.objects.exists()


def test_nobody_else_sees_mail_or_tries_sources():
    stranger = Client()
    stranger.force_login(UserFactory(roles={"prepare": root(), "start": root()}))
    mail = IncomingMail.objects.create(digest=b"1", raw=b"secret")
    source = MailSource.objects.create(label="Box", kind="maildir")

    answers = [
        stranger.get(reverse("feedback:incoming")),
        stranger.get(reverse("feedback:incoming-mail", args=[mail.pk])),
        stranger.post(reverse("feedback:incoming-check", args=[source.pk])),
    ]

    assert [answer.status_code for answer in answers] == [403, 403, 403]


@pytest.mark.parametrize("desk", [False, True])
def test_mail_is_read_anew_from_page_and_desk(client, desk):
    page = reverse("admin:feedback_reclassification_add") if desk else reverse("feedback:reclassify")
    typed = {"since": "2020-01-01", "until": "2029-01-01"}
    if desk:
        typed = {
            f"{name}_{part}": value for name, day in typed.items() for part, value in ((0, day), (1, "00:00"))
        }

    client.post(page, typed)
    run = Reclassification.objects.get()
    for step, ended in (("apply", "applied"), ("undo", "undone")):
        jobs.read_mail()
        where = (
            reverse("admin:feedback_reclassification_step", args=[run.pk, step])
            if desk
            else reverse("feedback:reclassify-step", args=[run.pk, step])
        )
        assert client.post(where, follow=True).status_code == 200
        jobs.read_mail()
        run.refresh_from_db()
        assert run.status == ended
    assert "otherwise than before" in client.get(reverse("feedback:reclassify")).content.decode()
