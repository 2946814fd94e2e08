"""What is kept while somebody writes: a draft beside the versions, theirs alone."""

from datetime import timedelta

import pytest
from django.test import Client

from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.drafting import unsaved
from deliveries.models import ContentDraft
from deliveries.tests.factories import CONTENT, DeliveryFactory, bring_to, person
from deliveries.views.tests.drafts import fresh, url

pytestmark = pytest.mark.django_db
KEY, OTHER = "0123456789abcdef", "fedcba9876543210"


@pytest.fixture
def delivery(unit, preparer):
    return DeliveryFactory(unit=unit, by=preparer)


def typed(key=KEY, **changed):
    return CONTENT | {"base": 1, "draft": key} | changed


def test_what_is_written_is_kept_until_it_is_saved_and_is_no_version(client, delivery):
    line = client.post(url("draft", delivery), typed(subject="Half a thought"))
    assert "Kept as your draft" in line.text
    client.post(url("draft", delivery), typed(subject="A whole thought"))
    assert fresh(delivery).contents.count() == 1

    page = client.get(url("content", delivery))
    assert "did not save it" in page.text
    assert page.context["form"]["subject"].value() == CONTENT["subject"]
    again = client.get(url("content", delivery), {"draft": KEY})
    assert "It is no version until you save it" in again.text
    assert again.context["form"]["subject"].value() == "A whole thought"

    client.post(url("content", delivery), typed(subject="A whole thought"))
    assert fresh(delivery).content.subject == "A whole thought"
    assert not ContentDraft.objects.exists()
    assert AuditEvent.objects.filter(action="keep_draft").count() == 1


def test_a_newer_version_is_said_and_overwritten_by_nobody_unseen(client, delivery, unit):
    client.post(url("draft", delivery), typed(subject="Mine"))
    bruno = UserFactory(roles={"prepare": unit}, first_name="Bruno", last_name="Reis")
    theirs = Client()
    theirs.force_login(bruno)
    assert "did not save" not in theirs.get(url("content", delivery)).text
    theirs.post(url("content", delivery), typed(key="", subject="Theirs"))

    page = client.get(url("content", delivery), {"draft": KEY})
    assert "Since then version 2 was saved by Bruno Reis; you had begun on version 1." in page.text
    form = page.context["form"]
    warned = client.post(url("content", delivery), typed(subject="Mine", base=form["base"].value()))

    assert "Version 2 was saved by" in warned.text
    assert fresh(delivery).content.subject == "Theirs"
    assert ContentDraft.objects.get().subject == "Mine"


def test_two_windows_keep_a_draft_each_and_one_is_thrown_away(client, delivery):
    client.post(url("draft", delivery), typed(KEY, subject="One"))
    client.post(url("draft", delivery), typed(OTHER, subject="Two"))

    client.post(url("draft-throw-away", delivery), {"draft": KEY})

    assert ContentDraft.objects.get().subject == "Two"
    assert AuditEvent.objects.filter(action="throw_draft_away").count() == 1


def test_what_the_latest_version_says_already_is_no_draft(client, delivery):
    client.post(url("draft", delivery), typed(subject="Other"))
    client.post(url("draft", delivery), typed(html=CONTENT["html"].replace("\n", "\r\n"), reply_to=""))

    assert not ContentDraft.objects.exists()


@pytest.mark.parametrize("key", ["", "x", "0" * 17, "'; --", "\x00" * 16])
def test_a_key_that_no_page_has_keeps_nothing(client, delivery, key):
    assert client.post(url("draft", delivery), typed(key, subject="Other")).status_code == 200

    assert not ContentDraft.objects.exists()


def test_it_is_bounded_in_size_number_age_and_rate(client, delivery, preparer, settings):
    settings.ACCOUNT_RATE_LIMITS = settings.ACCOUNT_RATE_LIMITS | {"keep_draft": "6/m/key"}
    refused = client.post(url("draft", delivery), typed(html="x" * (2 * 1024 * 1024 + 1)))
    assert "too long to be kept" in refused.text
    for number in range(5):
        client.post(url("draft", delivery), typed(f"{number:016x}", subject=str(number)))

    assert sorted(ContentDraft.objects.values_list("subject", flat=True)) == ["2", "3", "4"]
    assert client.post(url("draft", delivery), typed(subject="One more")).status_code == 429
    assert unsaved.forget(clock.now() + timedelta(days=31)) == 3


def test_who_may_not_write_it_keeps_none_and_what_is_released_neither(client, delivery, unit):
    bring_to(delivery, "scheduled", by=person("prepare", unit))
    assert "be changed" in client.post(url("draft", delivery), typed(subject="Late")).text

    reader = Client()
    reader.force_login(UserFactory(roles={"approve": unit}))
    reader.post(url("draft", delivery), typed(subject="Mine"))
    stranger = Client()
    stranger.force_login(UserFactory())

    assert stranger.post(url("draft", delivery), typed(subject="Mine")).status_code == 404
    assert not ContentDraft.objects.exists()
