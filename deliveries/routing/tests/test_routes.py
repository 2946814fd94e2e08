"""Where a route leads, and by what rules."""

import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured

from deliveries import rendering
from deliveries.models import Route
from deliveries.routing import routes
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


def route(**changes) -> Route:
    return Route.objects.create(label="Relay", **changes)


def test_a_row_says_where_it_leads_and_the_environment_holds_its_password(monkeypatch):
    monkeypatch.setenv("RELAY_PASSWORD", "s3cret")

    relay = routes.relay_of(
        route(
            host="relay.example", port=587, tls="starttls", username="news", password_variable="RELAY_PASSWORD",
            ca_file="/etc/relay.pem", connections=3, messages_per_connection=100,
        )
    )  # fmt: skip

    assert (relay.host, relay.port, relay.tls, relay.username, relay.password) == (
        "relay.example", 587, "starttls", "news", "s3cret",
    )  # fmt: skip
    assert (relay.ca_file, relay.max_connections, relay.messages_per_connection) == ("/etc/relay.pem", 3, 100)
    assert relay.verify
    assert not relay.auth_in_clear


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("smtp://relay.example", ("relay.example", 25, "none", "", "")),
        ("smtp+starttls://a%40b:p%3Aw@relay.example", ("relay.example", 587, "starttls", "a@b", "p:w")),
        ("smtps://relay.example?ca_file=/etc/relay.pem", ("relay.example", 465, "implicit", "", "")),
        ("smtps://relay.example:2465", ("relay.example", 2465, "implicit", "", "")),
    ],
)
def test_the_relay_of_the_environment(settings, url, expected):
    settings.RELAY_URL = url

    relay = routes.relay_of(route())

    assert (relay.host, relay.port, relay.tls, relay.username, relay.password) == expected
    assert relay.ca_file == ("/etc/relay.pem" if "ca_file" in url else "")


@pytest.mark.parametrize("url", ["smtp+tls://relay.example", "tls://relay.example", "relay.example:25", ""])
def test_an_address_that_is_not_understood_is_never_taken_for_one_in_clear(settings, url):
    settings.RELAY_URL = url

    with pytest.raises(ImproperlyConfigured):
        routes.relay_of(route())
    assert "sinete.E003" in {found.id for found in run_checks()}


@pytest.mark.parametrize(("host", "is_told"), [("relay.example", True), ("127.0.0.1", False)])
def test_a_deployment_whose_password_would_go_in_clear_is_told(settings, host, is_told):
    settings.DEBUG = False
    settings.RELAY_URL = f"smtp://news:s3cret@{host}"

    found = {each.id: each for each in run_checks(include_deployment_checks=True)}

    assert ("sinete.E004" in found) == is_told
    assert not any("s3cret" in str(each) for each in found.values())


def test_bounces_of_the_default_route_come_back_to_its_domain():
    route(is_default=True, return_path_domain="returns.example.com")
    delivery = DeliveryFactory(ready=True)

    assert rendering.sealed_renderer(delivery).return_path(1).endswith("@returns.example.com")
