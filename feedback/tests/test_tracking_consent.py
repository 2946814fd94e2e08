"""Whoever refused to be measured: pictures and links of mails that they have work on, and nothing is kept of it."""

import re

import pytest
from django.test import Client

from audiences import tracking
from audiences.consent import tracking_consents
from audiences.models import ConsentEvent, Erasure, Profile
from audiences.profiles import erasing
from audiences.services.subscribing import Origin
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.ledger import deleting
from deliveries.models import Doubt, Message
from deliveries.tests.factories import DeliveryFactory
from feedback.hits import bringing_in, segments
from feedback.models import Hit, HitKind
from feedback.subscribing import letters
from feedback.tests.factories import CHROME, PromptReader, link

pytestmark = pytest.mark.django_db


@pytest.fixture
def reader():
    return PromptReader(headers={"user-agent": CHROME}, enforce_csrf_checks=True)


@once
def delivery():
    return DeliveryFactory(finished=True)


def whose(delivery, seq=1):
    return Profile.objects.get(pk=Message.objects.get(delivery=delivery, seq=seq).profile_id)


def say(profile, may, *purposes):
    named = dict.fromkeys(purposes, may) if purposes else tracking.both(may)
    tracking_consents.say(profile_id=profile.pk, purposes=named, origin=Origin(clock.now(), "test"))


def kinds(delivery):
    return sorted(Hit.objects.filter(delivery=delivery).values_list("seq", "kind"))


def test_opens_and_clicks_of_who_refused_are_answered_and_not_kept(reader, delivery):
    say(whose(delivery), False)

    opened, clicked = reader.get(link(delivery, "o")), reader.get(link(delivery, "c"))
    shown = reader.get(link(delivery, "m"))
    reader.get(link(delivery, "o", seq=2))

    assert (opened.status_code, opened["Content-Type"]) == (200, "image/gif")
    assert (clicked.status_code, clicked["Location"]) == (302, "https://www.example.com/offers?from=mail")
    assert shown.status_code == 200
    assert kinds(delivery) == [(2, HitKind.OPEN)]


def test_a_refusal_holds_for_what_still_waits_on_a_host(delivery):
    quick = Client(headers={"user-agent": CHROME})
    for seq in (1, 2):
        quick.get(link(delivery, "o", seq=seq))
        quick.get(link(delivery, "c", seq=seq))
    assert segments.waiting().number == 4

    say(whose(delivery), False)
    bringing_in.bring_in()

    assert kinds(delivery) == [(2, HitKind.CLICK), (2, HitKind.OPEN)]
    assert not segments.is_anything_waiting()


def test_each_purpose_by_itself(reader, delivery):
    say(whose(delivery), False, "clicks")

    reader.get(link(delivery, "o"))
    reader.get(link(delivery, "c"))

    assert kinds(delivery) == [(1, HitKind.OPEN)]


def test_a_wish_to_get_no_more_is_kept_whoever_says_it(reader, delivery):
    profile = whose(delivery)
    say(profile, False)

    reader.post(link(delivery, "u"), {"List-Unsubscribe": "One-Click"})

    profile.refresh_from_db()
    assert profile.no_email
    assert kinds(delivery) == [(1, HitKind.UNSUBSCRIBE)]


def test_what_was_kept_before_stays_and_what_comes_after_a_new_consent_counts(reader, delivery):
    reader.get(link(delivery, "o"))
    say(whose(delivery), False)
    reader.get(link(delivery, "c"))
    say(whose(delivery), True)
    reader.get(link(delivery, "c"))

    assert kinds(delivery) == [(1, HitKind.CLICK), (1, HitKind.OPEN)]


def test_a_message_that_left_unmeasured_is_never_measured(reader, delivery):
    Message.objects.filter(delivery=delivery, seq=1).update(tracked=0)

    reader.get(link(delivery, "o"))
    reader.get(link(delivery, "c"))
    page = reader.get(link(delivery, "m")).content.decode()

    assert kinds(delivery) == []
    assert ("/o/" in page, "/c/" in page) == (False, False)
    assert "https://www.example.com/offers?from=mail" in page


def test_the_mirror_page_follows_a_refusal(reader, delivery):
    assert "/c/" in reader.get(link(delivery, "m")).content.decode()

    say(whose(delivery), False)

    assert "/c/" not in reader.get(link(delivery, "m")).content.decode()


def test_it_proves_nothing_either(reader):
    delivery = DeliveryFactory(sending=True)
    Message.objects.filter(delivery=delivery, seq=1).update(status=4, tries=1)
    Doubt.objects.create(delivery=delivery, seq=1, since=clock.now(), token=1, tries=1)
    say(whose(delivery), False)

    reader.get(link(delivery, "o"))

    assert Doubt.objects.filter(delivery=delivery).exists()


def test_a_refusal_holds_for_messages_that_are_gone_by_a_retention_period(reader, delivery):
    say(whose(delivery), False)
    deleting.delete_recipients(delivery.pk)

    opened = reader.get(link(delivery, "o"))
    clicked = reader.get(link(delivery, "c"))
    for seq in (2, 99):  # who refused nothing, and who is not known
        reader.get(link(delivery, "o", seq=seq))

    assert (opened.status_code, clicked.status_code) == (200, 302)
    assert kinds(delivery) == [(2, HitKind.OPEN), (99, HitKind.OPEN)]


@pytest.mark.parametrize("is_gone", [False, True])
def test_of_somebody_who_was_erased_nothing_is_measured_any_more(reader, delivery, is_gone):
    profile = whose(delivery)
    erasure = Erasure.objects.create(unit=profile.unit, at=clock.now(), watched_until=clock.now())
    erasing.forget(erasure, profile_ids=[profile.pk], keys=[profile.email_key])
    if is_gone:
        deleting.delete_recipients(delivery.pk)

    answers = [reader.get(link(delivery, letter)).status_code for letter in ("o", "c")]
    reader.post(link(delivery, "u"), {"List-Unsubscribe": "One-Click"})

    assert answers == [200, 302]
    assert kinds(delivery) == [(1, HitKind.UNSUBSCRIBE)]
    assert not Profile.objects.filter(pk=profile.pk).exists()


def preferences(delivery):
    return "/p/" + link(delivery, "u").removeprefix("/u/")


def test_the_page_of_preferences_switches_it_off_at_once(reader, delivery):
    profile, path = whose(delivery), preferences(delivery)
    page = reader.get(path).content.decode()
    assert "Do not measure what I read" in page
    profile.refresh_from_db()
    assert (profile.track_opens, profile.track_clicks) == (None, None)  # looking at it changes nothing

    said = reader.post(path, {"action": "untrack", "purpose": "clicks"}).content.decode()

    profile.refresh_from_db()
    assert "It counts from now on" in said
    assert (profile.track_opens, profile.track_clicks) == (None, False)
    event = ConsentEvent.objects.get()
    assert (event.purpose, event.source, event.reference, event.network) == (
        "clicks", "preference_page", f"delivery {delivery.pk}", "127.0.0.0/24",
    )  # fmt: skip


@pytest.mark.parametrize(("purpose", "may"), [("", (True, True)), ("clicks", (False, True))])
def test_and_on_by_a_mail_to_the_address_whoever_may_hold_the_link(
    reader, delivery, mailoutbox, purpose, may
):
    profile = whose(delivery)
    say(profile, False)

    said = reader.post(preferences(delivery), {"action": "track", "purpose": purpose}).content.decode()
    profile.refresh_from_db()
    assert "confirm by its link" in said
    assert (profile.track_opens, profile.track_clicks) == (False, False)

    letters.mail(clock.now())
    (mail,) = mailoutbox
    path = re.search(r"/k/\S+", mail.body)[0]
    assert (mail.to, "Click tracking" in mail.body) == ([profile.email], True)
    assert "Click tracking" in reader.get(path).content.decode()
    profile.refresh_from_db()
    assert profile.track_clicks is False
    assert "This may be measured now" in reader.post(path).content.decode()

    profile.refresh_from_db()
    assert (profile.track_opens, profile.track_clicks) == may
    event = ConsentEvent.objects.order_by("-pk")[0]
    assert (event.source, event.opted_out, event.network) == ("confirmed_by_mail", False, "127.0.0.0/24")
    say(profile, False)
    reader.post(path)  # the old mail undoes nothing
    profile.refresh_from_db()
    assert profile.track_clicks is False


def test_nobody_is_measured_by_a_confirmation_of_another_address(reader, delivery, mailoutbox):
    profile = whose(delivery)
    reader.post(preferences(delivery), {"action": "track"})
    letters.mail(clock.now())
    Profile.objects.filter(pk=profile.pk).update(email="new@example.com", email_key="new@example.com")

    answer = reader.post(re.search(r"/k/\S+", mailoutbox[0].body)[0])

    profile.refresh_from_db()
    assert (answer.status_code, profile.track_opens) == (410, None)


def test_it_speaks_the_language_of_its_reader(reader, delivery):
    profile = whose(delivery)
    Profile.objects.filter(pk=profile.pk).update(language="pt-BR")

    assert "Não meça o que leio" in reader.get(preferences(delivery)).content.decode()


def test_a_purpose_that_is_none_of_ours_means_both(reader, delivery):
    reader.post(preferences(delivery), {"action": "untrack", "purpose": "x\0"})

    assert whose(delivery).track_opens is False
