"""What a browser is told that a page may load and run, and whether it may be kept."""

import re
from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import django_rq
import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from deliveries.tests.factories import DeliveryFactory

SCRIPT = re.compile(r"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.S)
INLINE = re.compile(r"<(?:script(?![^>]*\ssrc=)|style)[^>]*>(.*?)</(?:script|style)>", re.S)


@pytest.fixture
def boss(db):
    roles = dict.fromkeys(["administration", "prepare", "start", "approve"], root())
    return UserFactory(is_staff=True, is_superuser=True, roles=roles, home_unit=root())


@pytest.fixture
def client(boss):
    signed_in = Client()
    signed_in.force_login(boss)
    return signed_in


def digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def directive(answer, name: str) -> list[str]:
    policy = dict(part.split(None, 1) for part in answer["Content-Security-Policy"].split("; "))
    return policy[name].split()


@pytest.mark.parametrize(
    "name", ["deliveries:list", "audiences:profiles", "audiences:imports", "account", "login"]
)
def test_our_pages_allow_nothing_inline_and_nothing_from_elsewhere(client, name):
    answer = client.get(reverse(name))

    policy = answer["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert directive(answer, "default-src") == ["'none'"]
    assert directive(answer, "script-src") == ["'self'"]
    assert directive(answer, "frame-ancestors") == ["'none'"]
    assert not INLINE.search(answer.text)
    assert not re.search(r"\sstyle=|\son[a-z]+=|srcdoc=", answer.text)


def test_the_page_of_last_resort_may_show_its_own_style_alone():
    style = INLINE.search((settings.BASE_DIR / "templates" / "500.html").read_text()).group(1)

    assert settings.CONTENT_SECURITY_POLICY["DIRECTIVES"]["style-src"] == ["'self'", digest(style)]


def test_the_desk_runs_no_inline_script_but_the_one_of_the_queues(client):
    answer = client.get("/admin/")
    templates = Path(django_rq.__file__).parent.joinpath("templates").rglob("*.html")
    scripts = {text for page in templates for text in SCRIPT.findall(page.read_text())}

    allowed = directive(answer, "script-src")
    assert allowed[:2] == ["'self'", "'unsafe-eval'"]
    assert set(allowed[2:]) == {digest(script) for script in scripts}


def test_what_a_signed_in_person_is_shown_is_never_kept(client):
    delivery = DeliveryFactory()

    for address in ("/", "/profiles/", "/account/", f"/deliveries/{delivery.pk}/", "/admin/", "/nowhere/"):
        assert "no-store" in client.get(address)["Cache-Control"], address


def test_what_is_for_everybody_may_be_kept(client):
    assert "no-store" not in client.get("/static/campaign/app.css").headers.get("Cache-Control", "")


@pytest.mark.browser
def test_no_page_breaks_its_own_policy(new_page, boss):
    delivery = DeliveryFactory(by=boss, ready=True)
    draft = DeliveryFactory(by=boss)
    page = new_page(user=boss)
    refused: list[str] = []
    page.on(
        "console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None
    )
    pages = ["/", f"/deliveries/{delivery.pk}/", f"/deliveries/{delivery.pk}/confirm/", f"/deliveries/{draft.pk}/content/",
             "/audiences/new/", "/profiles/", "/styleguide/", "/admin/", "/admin/deliveries/delivery/",
             f"/admin/deliveries/delivery/{delivery.pk}/change/", "/admin/django_rq/dashboard/",
             "/admin/accounts/rolegrant/add/"]  # fmt: skip

    for address in pages:
        page.goto(address, timeout=90_000)  # the desk has many files
        page.wait_for_load_state("load")

    assert refused == []


@pytest.mark.browser
def test_the_live_preview_shows_a_mail_with_its_styles(new_page, boss):
    draft = DeliveryFactory(by=boss)
    page = new_page(user=boss)
    page.goto(f"/deliveries/{draft.pk}/content/")

    page.fill("#id_html", "<p style='color: rgb(1, 2, 3)'>Seen <a href='{{ unsubscribe_url }}'>x</a></p>")

    seen = page.frame_locator("#preview iframe[name=live-preview]").get_by_text("Seen")
    seen.wait_for()
    assert seen.evaluate("element => getComputedStyle(element).color") == "rgb(1, 2, 3)"
