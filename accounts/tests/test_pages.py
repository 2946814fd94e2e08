"""Signing in and out, the pages about oneself, and what every page has around it."""

import re

import pytest
from django.conf import settings as project
from django.template import Context, Template
from django.test import Client, RequestFactory
from django.urls import reverse

from accounts.models import AuditEvent
from accounts.tests.factories import PASSWORD, UserFactory
from campaign.lib.refusals import Forbidden

NEW_PASSWORD = "a wholly different battery"


@pytest.fixture
def ana(db):
    return UserFactory(username="ana", first_name="Ana", last_name="Prado")


@pytest.fixture
def signed_in(client, ana):
    client.force_login(ana)
    return client


def test_a_page_asks_for_a_login_and_leads_back_to_itself(client, db):
    answer = client.get(reverse("account"))

    assert answer.url == f"{reverse('login')}?next={reverse('account')}"


def test_a_person_logs_in_with_name_and_password(client, ana):
    answer = client.post(
        reverse("login"), {"username": "ana", "password": PASSWORD, "next": reverse("account")}
    )

    assert answer.url == reverse("account")
    assert client.get(reverse("account")).status_code == 200


def test_a_wrong_password_is_refused_in_words_tied_to_nothing_else(client, ana):
    answer = client.post(reverse("login"), {"username": "ana", "password": "wrong"})

    assert answer.status_code == 200
    assert 'role="alert"' in answer.text
    assert "_auth_user_id" not in client.session


def test_an_inactive_person_does_not_get_in(client, db):
    UserFactory(username="gone", is_active=False)

    client.post(reverse("login"), {"username": "gone", "password": PASSWORD})

    assert "_auth_user_id" not in client.session


@pytest.mark.parametrize("elsewhere", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_login_does_not_lead_to_another_host(client, ana, settings, elsewhere):
    settings.LOGIN_REDIRECT_URL = "account"

    answer = client.post(reverse("login"), {"username": "ana", "password": PASSWORD, "next": elsewhere})

    assert answer.url == reverse("account")


def test_logging_out_is_a_post(signed_in):
    assert signed_in.get(reverse("logout")).status_code == 405

    signed_in.post(reverse("logout"))

    assert "_auth_user_id" not in signed_in.session


def test_a_post_without_the_forms_token_is_refused_in_words(ana):
    client = Client(enforce_csrf_checks=True)
    client.force_login(ana)

    answer = client.post(reverse("logout"))

    assert answer.status_code == 403
    assert "Please do that again" in answer.text


def test_demo_accounts_are_shown_on_the_embedded_servers_only(client, db, settings):
    settings.IS_EMBEDDED = False
    assert "cafezinho" not in client.get(reverse("login")).text

    settings.IS_EMBEDDED = True
    assert "cafezinho" in client.get(reverse("login")).text


def test_a_person_changes_the_password_and_stays_logged_in(signed_in, ana):
    answer = signed_in.post(
        reverse("password_change"),
        {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
        follow=True,
    )

    ana.refresh_from_db()
    assert ana.check_password(NEW_PASSWORD)
    assert "Your password is changed" in answer.text
    assert AuditEvent.objects.get(action="change_own_password").actor == ana


def test_a_change_of_password_ends_sessions_elsewhere(signed_in, ana):
    elsewhere = Client()
    elsewhere.force_login(ana)

    signed_in.post(
        reverse("password_change"),
        {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    )

    assert elsewhere.get(reverse("account")).status_code == 302


def test_the_old_password_is_asked_for(signed_in, ana):
    signed_in.post(
        reverse("password_change"),
        {"old_password": "guessed", "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD},
    )

    ana.refresh_from_db()
    assert ana.check_password(PASSWORD)
    assert not AuditEvent.objects.filter(action="change_own_password").exists()


def test_a_person_changes_name_and_language(signed_in, ana):
    signed_in.post(reverse("account"), {"first_name": "Anabela", "last_name": "Prado", "language": "pt-br"})

    ana.refresh_from_db()
    assert str(ana) == "Anabela Prado"
    assert '<html lang="pt-br"' in signed_in.get(reverse("account")).text
    assert AuditEvent.objects.get(action="change_own_name").detail == {"before": "Ana Prado"}


def test_nobody_gives_himself_more_by_the_account_page(signed_in, ana):
    signed_in.post(
        reverse("account"),
        {"first_name": "Ana", "last_name": "Prado", "language": "en", "is_staff": "1", "is_superuser": "1"},
    )

    ana.refresh_from_db()
    assert not ana.is_staff
    assert not ana.is_superuser


def test_an_unknown_language_is_an_error_at_the_field(signed_in):
    answer = signed_in.post(reverse("account"), {"language": "xx"})

    assert 'id="id_language_error"' in answer.text


def test_the_language_is_chosen_before_logging_in(client, db):
    client.post(reverse("set_language"), {"language": "pt-br", "next": reverse("login")})

    assert '<html lang="pt-br"' in client.get(reverse("login")).text


def test_a_browsers_language_counts_where_none_was_chosen(client, db):
    page = client.get(reverse("login"), headers={"accept-language": "pt-BR,pt;q=0.9"})

    assert '<html lang="pt-br"' in page.text


def test_choosing_a_language_does_not_lead_to_another_host(client, db):
    answer = client.post(reverse("set_language"), {"language": "en", "next": "https://evil.example/"})

    assert "evil.example" not in answer.url


def test_administration_is_in_the_menu_of_staff_only(client, db):
    for is_staff in (False, True):
        client.force_login(UserFactory(is_staff=is_staff))

        page = client.get(reverse("account")).text

        assert (f'href="{reverse("admin:index")}"' in page) is is_staff


def test_a_page_that_is_not_there_is_said_with_the_menu_around_it(signed_in):
    answer = signed_in.get("/nothing/here/")

    assert answer.status_code == 404
    assert "Nothing here" in answer.text
    assert "Ana Prado" in answer.text


def test_a_refusal_reads_as_it_was_raised_and_escaped(ana):
    class NoMarkup(Forbidden):
        message = "Not %(what)s."

    request = RequestFactory().get("/", headers={"referer": "https://evil.example/"})
    request.user = ana

    page = _render("{% include 'refused.html' %}", request, refusal=NoMarkup(what="<b>you</b>"), status=403)

    assert "Not &lt;b&gt;you&lt;/b&gt;." in page
    assert "evil.example" not in page


def test_pages_have_no_inline_script_style_or_handler(signed_in):
    for address in ("account", "password_change", "styleguide"):
        page = signed_in.get(reverse(address)).text
        assert not re.search(r"<script(?![^>]*\bsrc=)|\sstyle=|\son[a-z]+=|https?://(?!www\.w3\.org)", page)


def test_every_control_of_a_form_has_a_label(signed_in):
    for address in ("account", "password_change"):
        page = signed_in.get(reverse(address)).text
        controls = re.findall(
            r'<(?:input|select|textarea)(?![^>]*(?:type="hidden"|\bhidden\b))[^>]*\bid="([^"]+)"', page
        )
        assert controls
        assert all(f'for="{control}"' in page for control in controls)


def test_the_styleguide_is_for_development_only(signed_in, settings):
    settings.DEBUG = False
    assert signed_in.get(reverse("styleguide")).status_code == 404

    settings.DEBUG = True
    page = signed_in.get(reverse("styleguide")).text
    assert "9.89 k" in page.replace("\N{NO-BREAK SPACE}", " ")


def test_the_page_of_last_resort_needs_no_database_and_no_static_files():
    source = (project.BASE_DIR / "templates" / "500.html").read_text()

    assert "{% extends" not in source
    assert "{% static" not in source
    assert "Something broke" in Template(source).render(Context())


def _render(source, request, **values):
    request.csrf_processing_done = True
    return Template(source).render(_request_context(request, values))


def _request_context(request, values):
    from django.template import RequestContext

    return RequestContext(request, {"user": request.user, **values})


@pytest.mark.browser
def test_the_menu_of_a_phone_opens_without_a_script(new_page, ana):
    page = new_page(user=ana, viewport={"width": 390, "height": 800}, java_script_enabled=False)
    page.goto(reverse("account"))
    page.locator("summary.user-chip").click()

    page.get_by_role("button", name="Log out").click()

    assert page.url.endswith(reverse("login"))


@pytest.mark.browser
def test_a_person_logs_in_without_a_script_and_by_keyboard(new_page, ana):
    page = new_page(java_script_enabled=False)
    page.goto(reverse("account"))

    page.get_by_label("Username").fill("ana")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")

    page.get_by_role("heading", name="My account").wait_for()


@pytest.mark.browser
def test_a_form_is_posted_once_however_often_its_button_is_pressed(new_page, ana):
    page = new_page(user=ana)
    page.goto(reverse("account"))
    page.get_by_label("First name").fill("Anabela")
    posts = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)

    page.get_by_role("button", name="Save").dblclick()
    page.get_by_text("Your account is saved.").wait_for()

    assert len(posts) == 1


LIVE_PART = """address => {
    document.querySelector("main").insertAdjacentHTML(
        "beforeend", `<div id="live" hx-get="${address}" hx-trigger="load, again">old</div>`);
    htmx.process(document.getElementById("live"));
}"""


@pytest.mark.browser
def test_a_live_part_whose_session_has_ended_leads_to_the_login(new_page, ana):
    page = new_page(user=ana)
    page.goto(reverse("account"))
    page.context.clear_cookies()

    page.evaluate(LIVE_PART, reverse("password_change"))

    page.wait_for_url(f"**{reverse('login')}?next=%2Faccount%2F")


@pytest.mark.browser
def test_a_lost_connection_is_said_and_taken_back(new_page, ana):
    page = new_page(user=ana)
    page.goto(reverse("account"))
    notice = page.locator("#connection-lost").first
    page.route("**/account/password/", lambda route: route.abort())
    page.evaluate(LIVE_PART, reverse("password_change"))
    notice.wait_for()

    page.unroute("**/account/password/")
    page.evaluate("htmx.trigger('#live', 'again')")

    notice.wait_for(state="hidden")


@pytest.mark.browser
def test_a_menu_closes_by_escape_and_gives_the_focus_back(new_page, ana):
    page = new_page(user=ana)
    page.goto(reverse("account"))
    page.locator("summary.user-chip").click()

    page.keyboard.press("Escape")

    assert not page.get_by_role("button", name="Log out").is_visible()
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_an_address_with_a_nul_is_a_bad_request(client, db):
    client.force_login(UserFactory())

    assert client.get("/audiences/?q=%00").status_code == 400
