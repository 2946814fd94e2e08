"""A session that nobody uses ends; what a page asks for by itself is no use, and the end is kind."""

import re
from pathlib import Path

import pytest
from django.conf import settings as project
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.edge import idle
from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/account/?a=1"}


@pytest.fixture
def ana():
    return UserFactory()


@pytest.fixture
def browser(ana):
    client = Client()
    client.force_login(ana)
    client.get("/account/")
    return client


def left_alone(browser, minutes):
    session = browser.session
    session[idle.LAST_USE] -= minutes * 60
    session.save()


def is_signed_in(browser):
    return browser.get("/account/").status_code == 200


def test_a_session_ends_after_the_time_that_is_set(browser, ana):
    left_alone(browser, project.SESSION_IDLE_MINUTES + 1)

    assert browser.get("/account/?a=1").url == "/login/?next=/account/%3Fa%3D1"
    assert "_auth_user_id" not in browser.session
    assert AuditEvent.objects.get(action="session_ended").actor == ana


def test_use_keeps_it_alive(browser):
    for _time in range(3):
        left_alone(browser, project.SESSION_IDLE_MINUTES - 1)
        assert is_signed_in(browser)


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/account/", HTMX),
        ("/account/", {"X-Requested-With": "XMLHttpRequest"}),
        ("/account/", {"Sec-Fetch-Dest": "empty"}),
        ("/account/", {"Sec-Fetch-Dest": "iframe"}),
        (f"/account/?{idle.REFRESHES}", {}),
        ("/admin/django_rq/dashboard/stats.json", {}),
    ],
)
def test_what_a_page_asks_for_by_itself_does_not(browser, path, headers):
    for _time in range(2):
        left_alone(browser, project.SESSION_IDLE_MINUTES // 2 + 1)
        browser.get(path, headers=headers)

    assert not is_signed_in(browser)


def test_a_part_of_a_page_leads_the_whole_page_to_the_sign_in_and_back(browser):
    left_alone(browser, project.SESSION_IDLE_MINUTES + 1)

    answer = browser.get("/", headers=HTMX)

    assert answer.headers["HX-Redirect"] == "/login/?next=%2Faccount%2F%3Fa%3D1"
    assert not answer.content


def test_a_form_that_comes_too_late_leads_back_to_its_page_and_not_to_another_host(browser):
    left_alone(browser, project.SESSION_IDLE_MINUTES + 1)

    answer = browser.post(reverse("confirm_address"), headers={"Referer": "http://testserver/account/"})
    assert answer.url == "/login/?next=/account/"

    answer = browser.post(reverse("confirm_address"), headers={"Referer": "https://evil.example/"})
    assert answer.url == "/login/"


def test_no_idle_time_is_no_end(browser, settings):
    settings.SESSION_IDLE_MINUTES = 0
    left_alone(browser, 10_000)

    assert is_signed_in(browser)


def test_a_click_does_not_write_the_session_each_time(browser):
    with CaptureQueriesContext(connection) as queries:
        browser.get("/account/")

    assert not [each["sql"] for each in queries if each["sql"].startswith(("UPDATE", "INSERT"))]


def test_every_page_that_loads_itself_again_says_so():
    """By htmx it says so itself; without a script its address does; nothing is posted by the clock."""
    silent, posted = [], []
    for page in Path(project.BASE_DIR, "templates").rglob("*.html"):
        source = page.read_text()
        refreshes = re.findall(r'http-equiv="refresh"[^>]*>', source)
        silent += [page.name for each in refreshes if f"?{idle.REFRESHES}" not in each]
        polls = re.findall(r'<[^>]*hx-trigger="[^"]*every [^>]*>', source)
        posted += [page.name for each in polls if "hx-post" in each]

    assert (silent, posted) == ([], [])
