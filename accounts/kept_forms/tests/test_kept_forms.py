"""What is typed while signed out is kept for its owner, in their browser, and stands in its form again."""

import re
from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from selectolax.lexbor import LexborHTMLParser

from accounts.edge import idle
from accounts.kept_forms import rows
from accounts.models import AuditEvent, KeptForm, OrganizationalUnit
from accounts.roles import root
from accounts.tests.factories import PASSWORD, UserFactory
from campaign.lib import clock
from deliveries.tests.factories import DeliveryFactory, bring_to

pytestmark = pytest.mark.django_db


class Browser(Client):
    """A browser that sends along what real ones do: the token of the page's form, and where it came from."""

    def __init__(self, user=None):
        super().__init__(enforce_csrf_checks=True)
        if user is not None:
            self.force_login(user)

    def opened(self, page):
        """The token of the forms of this page."""
        return re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', self.get(page).text)[1]

    def send(self, action, token, page="", **fields):
        headers = {"Referer": f"http://testserver{page or action}", "Origin": "http://testserver"}
        return self.post(action, fields | {"csrfmiddlewaretoken": token}, headers=headers)

    def sign_in(self, user, **more):
        token = self.opened("/login/")
        return self.post(
            "/login/", {"username": user.username, "password": PASSWORD, "csrfmiddlewaretoken": token} | more
        )


@pytest.fixture
def ana():
    return UserFactory(username="ana", roles={"prepare": root(), "administration": root()}, is_staff=True, is_superuser=True)  # fmt: skip


def too_late(browser):
    """The session is over without the browser knowing."""
    Session.objects.all().delete()


def left_alone(browser):
    session = browser.session
    session[idle.LAST_USE] -= 999_999
    session.save()


def stands(answer, name):
    node = LexborHTMLParser(answer.text).css_first(f"[name={name}]")
    return node.text() if node.tag == "textarea" else node.attributes.get("value")


@pytest.mark.parametrize("ends", [too_late, left_alone])
def test_what_was_typed_stands_in_its_form_again_and_is_saved_by_its_owner_alone(ana, ends):
    delivery = DeliveryFactory(by=ana)
    page, browser = f"/deliveries/{delivery.pk}/content/", Browser(ana)
    token = browser.opened(page)
    words = '<p>Hours of work & "more"</p>\r\n</textarea>'
    ends(browser)

    answer = browser.send(page, token, html=words, subject="Mine", base="1", from_name="", and_close="1")
    assert answer.url == f"/login/?next={page}"
    assert "What you typed is kept: log in as ana" in browser.get(answer.url).text
    assert browser.sign_in(ana, next=page).url == page

    again = browser.get(page)
    assert (stands(again, "subject"), stands(again, "html")) == ("Mine", words.replace("\r", ""))
    assert stands(again, "base") == "1"
    assert "It is not saved yet" in again.text
    assert delivery.contents.count() == 1
    assert "kept, and not saved yet" in browser.get("/account/").text

    token = browser.opened(page)
    assert browser.send(page, token, html=words, subject="Mine", base="1", from_name="").status_code == 302
    assert delivery.contents.count() == 2
    assert not KeptForm.objects.exists()
    assert "not saved yet" not in browser.get(page).text
    kept = AuditEvent.objects.get(action="keep_form")
    assert (kept.actor, kept.target_label, kept.detail) == (None, str(ana), {"page": page})


def test_it_is_shown_to_nobody_else(ana):
    bruno, browser = UserFactory(username="bruno", roles={"prepare": root()}), Browser(ana)
    token = browser.opened("/account/")
    too_late(browser)
    browser.send("/account/", token, first_name="Precious", last_name="", language="en")

    browser.sign_in(bruno)
    assert "Precious" not in browser.get("/account/").text + browser.get("/account/typed/").text
    other = Browser(ana)
    assert "Precious" not in other.get("/account/").text
    key = KeptForm.objects.get().pk
    throw = f"/account/typed/{key}/throw-away/"
    assert browser.send(throw, browser.opened("/account/")).status_code == 404

    too_late(browser)
    browser.sign_in(ana)
    assert stands(browser.get("/account/"), "first_name") == "Precious"
    browser.send(throw, browser.opened("/account/"), back="1")
    assert stands(browser.get("/account/"), "first_name") == ana.first_name


def test_a_page_older_than_the_sign_in_gets_its_words_back_at_once(ana):
    browser = Browser(ana)
    token = browser.opened("/account/")
    too_late(browser)
    browser.sign_in(ana)  # in another tab

    answer = browser.send("/account/", token, first_name="Precious", last_name="", language="en")

    assert answer.url == "/account/"
    assert stands(browser.get("/account/"), "first_name") == "Precious"
    ana.refresh_from_db()
    assert ana.first_name != "Precious"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example", "Referer": "http://testserver/account/"}, {"Referer": "https://evil.example/"}, {}],
)  # fmt: skip
def test_what_another_site_made_a_browser_post_is_not_kept(ana, headers):
    browser = Browser(ana)
    token = browser.opened("/account/")
    too_late(browser)
    browser.sign_in(ana)

    answer = browser.post(
        "/account/", {"first_name": "Forged", "csrfmiddlewaretoken": token}, headers=headers
    )

    assert answer.status_code == 403
    assert not KeptForm.objects.exists()


def test_a_stranger_leaves_nothing_here(ana):
    stranger = Browser()
    token = stranger.opened("/login/")

    answer = stranger.send("/account/", token, first_name="Spam")

    assert answer.url == "/login/?next=/account/"
    assert not KeptForm.objects.exists()


def test_files_and_passwords_are_asked_for_again_and_are_nowhere(ana):
    delivery = DeliveryFactory(by=ana)
    page, browser = f"/deliveries/{delivery.pk}/content/", Browser(ana)
    token = browser.opened(page)
    too_late(browser)

    file = SimpleUploadedFile("spring.zip", b"PK\x03\x04 precious")
    browser.send(f"{page}upload/", token, page, file=file)
    browser.sign_in(ana)

    assert "Choose these files again: spring.zip" in browser.get(page).text


def test_the_desk_gives_back_what_was_typed_too(ana):
    browser, unit = Browser(ana), OrganizationalUnit.objects.get(parent=None)
    page = reverse("admin:accounts_organizationalunit_change", args=[unit.pk])
    token = browser.opened(page)
    too_late(browser)

    answer = browser.send(page, token, label="Renamed <here>")
    browser.sign_in(ana)

    assert answer.url == f"/login/?next={page}"
    again = browser.get(page)
    assert stands(again, "label") == "Renamed <here>"
    assert "It is not saved yet" in again.text
    unit.refresh_from_db()
    assert unit.label != "Renamed <here>"


def test_what_can_not_be_saved_any_more_can_still_be_read_and_copied(ana):
    delivery = DeliveryFactory(by=ana)
    page, browser = f"/deliveries/{delivery.pk}/content/", Browser(ana)
    token = browser.opened(page)
    too_late(browser)
    browser.send(page, token, subject="Precious", html="<p>x</p>", base="1")
    bring_to(delivery, "scheduled", by=ana)  # meanwhile
    browser.sign_in(ana)

    refused = browser.get(page, follow=True)

    assert "kept, and not saved yet" in refused.text
    assert "Precious" in browser.get("/account/typed/").text


def test_rows_that_were_added_to_a_rule_are_there_again(ana):
    browser = Browser(ana)
    token = browser.opened("/audiences/new/")
    too_late(browser)
    rule = {
        "g0r0-field": "country",
        "g0r0-is": "is",
        "g0r0-value": "PT",
        "g0r1-field": "city",
        "g0r1-is": "is",
        "g0r1-value": "Faro",
    }
    browser.send(
        "/audiences/new/", token, label="South", combine="all", do="save", **rule | {"g0-combine": "all"}
    )

    browser.sign_in(ana)

    again = browser.get("/audiences/new/")
    assert (stands(again, "g0r1-value"), stands(again, "label")) == ("Faro", "South")
    assert "no field on this page" not in again.text


@pytest.mark.parametrize("headers", [{"HX-Request": "true"}, {"Sec-Fetch-Dest": "iframe"}])
def test_what_a_page_posts_by_itself_is_not_kept(ana, headers):
    browser = Browser(ana)
    token = browser.opened("/account/")
    too_late(browser)

    browser.post("/account/", {"first_name": "x", "csrfmiddlewaretoken": token}, headers=headers)

    assert not KeptForm.objects.exists()


def test_each_person_has_few_of_them_and_for_a_day(ana):
    typed = rows.Typed({"a": ["x"]})
    now = clock.now()
    for number in range(12):
        rows.keep(
            user=ana,
            browser="b",
            page="/x/",
            action=f"/{number}/",
            typed=typed,
            at=now + timedelta(seconds=number),
        )

    assert KeptForm.objects.count() == rows.MOST_FORMS
    assert not KeptForm.objects.filter(action="/0/").exists()
    assert rows.of(user_id=ana.pk, browser="b", at=now + timedelta(days=2)).count() == 0
    assert rows.keep(user=ana, browser="b", page="/" * 2001, action="/", typed=typed, at=now) is None
    assert rows.forget(now + timedelta(days=2)) == rows.MOST_FORMS
