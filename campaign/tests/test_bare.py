"""Every page stands where there is nothing yet: an empty database, a delivery without anything, a person without rights."""

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from accounts.roles import SHIPPED, root
from accounts.tests.factories import UserFactory
from deliveries import drafting

pytestmark = pytest.mark.django_db


def patterns(resolver: URLResolver, before: str = "/"):
    for entry in resolver.url_patterns:
        path = before + str(entry.pattern).removeprefix("^")
        if isinstance(entry, URLResolver):
            yield from patterns(entry, path)
        elif isinstance(entry, URLPattern) and "(" not in path:
            yield path


PATHS = sorted(set(patterns(get_resolver())))
PLAIN = [path for path in PATHS if "<" not in path and "/jsi18n/" not in path]
OF_A_DELIVERY = [
    path.replace("<int:pk>", "{pk}").replace("<slug:tab>", "{tab}")
    for path in PATHS
    if path.startswith("/deliveries/<int:pk>/") and "<int:seq>" not in path
]


def person(who):
    return {
        "everything": lambda: UserFactory(
            is_staff=True, is_superuser=True, roles=dict.fromkeys(SHIPPED, root())
        ),
        "operator": lambda: UserFactory(is_staff=True, roles={"prepare": root()}),
        "nothing": lambda: UserFactory(),
        "desk alone": lambda: UserFactory(is_staff=True),
    }[who]()


def broken(user, paths):
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return [path for path in paths if client.get(path).status_code >= 500]


@pytest.mark.parametrize("who", ["everything", "operator", "nothing", "desk alone"])
def test_no_page_fails_in_an_empty_database(who):
    assert len(PLAIN) > 40

    assert broken(person(who), PLAIN) == []


@pytest.mark.parametrize("who", ["everything", "nothing"])
def test_no_page_of_a_delivery_fails_while_it_has_nothing(who):
    maker = UserFactory(roles={"prepare": root()})
    delivery = drafting.create(by=maker, unit=root(), label="Bare")
    tabs = ("log", "sending", "exclusions", "causes", "tracking", "urls", "other")
    paths = {path.format(pk=delivery.pk, tab=tab) for path in OF_A_DELIVERY for tab in tabs}
    desk = (
        f"/admin/deliveries/delivery/{delivery.pk}/{page}/"
        for page in ("change", "list/sending", "step/confirm")
    )

    assert broken(person(who), [*sorted(paths), *desk]) == []
