"""What anybody may open, by axe-core and the rules of WCAG 2.2 AA: recipients' pages, the way in, what goes wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.template.loader import render_to_string
from django.urls import reverse

from audiences.models import Service
from audiences.tests.factories import ServiceFactory
from campaign.lib.tokens import Purpose, default_signer
from deliveries.models import Delivery
from deliveries.tests.factories import DeliveryFactory
from home.tests.axe import in_each_look

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.django_db(transaction=True)]
# Pages of a moment that no address leads to by itself, with what stands on them.
OF_A_MOMENT: dict[str, dict[str, Any]] = {
    "400.html": {},
    "403.html": {},
    "403_csrf.html": {},
    "429.html": {},
    "500.html": {},
    "refused.html": {"refusal": "x" * 120, "status": 409},
    "account/password_reset_done.html": {},
    "account/password_reset_from_key_done.html": {},
    "feedback/gone.html": {},
    "feedback/later.html": {},
    "feedback/over.html": {},
    "feedback/sign_up_closed.html": {"name": "x" * 120},
    "feedback/sign_up_slowly.html": {},
    "feedback/signed_up.html": {"name": "x" * 120, "double_opt_in": True},
    "feedback/confirm_sign_up.html": {"state": "done", "name": "x" * 120, "preferences": "token"},
    "feedback/proof_unsubscribe.html": {"copy": {"text": "x" * 120, "number": 1}, "mirror_token": "token"},
    "feedback/proof_text.html": {"copy": {"text": "x" * 120, "number": 1}},
    "feedback/mirror_text.html": {"text": "x" * 120},
}


def addresses(delivery: Delivery, service: Service) -> Iterator[str]:
    """Each kind of page, and what is said where its token is nobody's."""
    sign = default_signer().sign
    yield f"/s/{service.key}"
    for place in ("u", "p"):
        yield f"/{place}/{sign(Purpose.UNSUBSCRIBE, delivery.key, 1)}"
        yield f"/{place}/nobody"
    yield "/k/nobody"
    yield "/login/"
    yield "/login/?next=/deliveries/"
    yield "/nowhere/at/all/"
    yield reverse("account_reset_password")
    yield reverse("account_reset_password_from_key", args=["1", "nobody"])
    yield reverse("account_confirm_email", args=["nobody"])


def test_no_page_for_everybody_keeps_anybody_out(new_page: Any) -> None:
    delivery = DeliveryFactory(finished=True, recipients=1)
    page, axe, found = new_page(viewport={"width": 1366, "height": 900}), Axe(), []

    for address in addresses(delivery, ServiceFactory(unit=delivery.unit)):
        page.goto(address, wait_until="load")
        found += in_each_look(axe, page, address)

    assert found == []


def test_no_page_of_a_moment_keeps_anybody_out(new_page: Any, client: Any) -> None:
    page, axe, found = new_page(viewport={"width": 1366, "height": 900}), Axe(), []
    request, text = client.get("/login/").wsgi_request, ""
    page.route(
        "**/of-a-moment/", lambda route: route.fulfill(body=text, content_type="text/html; charset=utf-8")
    )

    for name, context in OF_A_MOMENT.items():
        text = render_to_string(name, context, request)
        page.goto("/of-a-moment/", wait_until="load")
        found += in_each_look(axe, page, name)

    assert found == []
