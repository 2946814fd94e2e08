"""What moves by itself, seen in a browser."""

import re
from datetime import timedelta

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.models import Doubt, MessageStatus, Try
from deliveries.sending import gate
from feedback.models import HitKind
from feedback.tests.factories import hit, link
from reporting.counting import statistics
from reporting.tests.factories import delivery_with, falsify, outcome

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def user():
    return UserFactory(is_superuser=True)


def finish(delivery):
    for seq in (2, 3):
        outcome(delivery, seq, MessageStatus.SENT)
    assert gate.finish_if_over(delivery.pk)


def test_the_figures_move_by_themselves_until_the_end(new_page, user):
    delivery = delivery_with(sending=True, recipients=3, sent=1)
    page = new_page(user=user)

    page.goto(reverse("deliveries:dashboard", args=[delivery.pk]))
    sent = page.locator("[data-kpi=sent] .kpi__value")
    page.wait_for_selector("[data-kpi=sent]")
    assert sent.inner_text() == "1"
    finish(delivery)
    page.locator(".deployment__headline").get_by_text("Finished", exact=True).wait_for()

    assert sent.inner_text() == "3"
    page.wait_for_load_state("networkidle")
    assert page.locator("[hx-trigger*=every]").count() == 0


def test_compute_stats_by_a_click(new_page, user, work):
    delivery = delivery_with(sent=5)
    hit(delivery, HitKind.CLICK, 1)
    falsify(delivery, sent=2)
    page = new_page(user=user)

    page.goto(reverse("deliveries:dashboard", args=[delivery.pk]))
    page.get_by_role("link", name="Open the Deployment window").click()
    page.get_by_role("button", name="Compute stats").click()
    page.get_by_text("Everything is being recounted").wait_for()
    work()

    row = page.get_by_role("row", name=re.compile("^Delivered")).first
    row.wait_for()
    assert row.inner_text().split() == ["Delivered", "2", "5", "+3"]


def test_a_reader_opts_out_and_thinks_better_of_it(new_page):
    delivery = delivery_with(sent=1)
    page = new_page(viewport={"width": 390, "height": 800})

    page.goto(link(delivery, "u"))
    page.get_by_role("button", name="Unsubscribe").click()
    page.get_by_role("heading", name="You are unsubscribed").wait_for()
    page.get_by_role("button", name="It was a mistake: subscribe again").click()

    page.get_by_role("heading", name="Look into your mailbox").wait_for()


def test_what_nobody_knows_is_decided_in_two_steps(new_page):
    delivery = delivery_with(sent=1, in_doubt=2)
    Doubt.objects.filter(delivery=delivery).update(since=clock.now() - timedelta(hours=1))
    page = new_page(user=UserFactory(roles={"start": delivery.unit}))

    page.goto(reverse("deliveries:dashboard", args=[delivery.pk]))
    page.get_by_role("link", name="Hold, send again or count as sent").click()
    page.locator("input[name=seq]").first.check()
    page.get_by_role("button", name="Send again").click()
    expect(page.get_by_text("person may get it twice")).to_be_visible()
    page.get_by_label("Why").fill("The relay lost it")
    page.get_by_role("button", name="Send again").click()

    expect(page.get_by_text("1 message is sent again.")).to_be_visible()
    expect(page.locator("input[name=seq]")).to_have_count(1)
    assert Try.objects.get(delivery=delivery).seq == 2


def test_from_a_link_of_the_message_to_the_people_who_clicked_it(new_page, user):
    delivery = delivery_with(sent=3)
    for seq in (1, 1, 2):
        hit(delivery, HitKind.CLICK, seq)
    statistics.count_hourly()
    page = new_page(user=user)

    page.goto(reverse("deliveries:dashboard", args=[delivery.pk]))
    page.get_by_role("link", name="Clicks by link, over time and by hour").click()
    mark = page.frame_locator("iframe").get_by_text("1: 3")
    expect(mark).to_be_visible()
    assert page.locator("#by-hour-title").text_content().startswith("Opens and clicks by hour of the day")
    page.get_by_role("row", name="See the offers").get_by_role("link", name="2", exact=True).click()

    expect(page.locator("tbody tr")).to_have_count(2)
    page.locator("tbody .row-link").first.click()
    expect(page.get_by_role("heading", name="The message, as sent")).to_be_visible()


def test_an_export_says_how_many_rows_are_in_its_file(new_page):
    delivery = delivery_with(sent=2, failed=1)
    page = new_page(user=UserFactory(roles={"export": delivery.unit}))

    page.goto(reverse("reporting:window", args=[delivery.pk, "sending"]) + "?status=failed")
    with page.expect_download() as download:
        page.get_by_role("link", name="Export CSV").click()

    page.locator(".log-export", has_text="1 row is in the file.").wait_for()
    assert download.value.suggested_filename == f"{delivery.name}-sending.csv"
