"""No address that is mounted answers with an error of ours, whatever stands in it, behind it or in its form."""

import io
from itertools import cycle, islice
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from accounts.models import User
from accounts.roles import SHIPPED, root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports
from audiences.tests.factories import AttributeFactory, TestProfileFactory
from campaign.stack.module_db import once
from campaign.tests.crawling import (
    AWKWARD,
    Crawler,
    asked_in_the_address,
    forms_in,
    known,
    mounted,
    parameters,
)  # fmt: skip
from deliveries.tests.factories import DeliveryFactory

FIELDS_ALONE = 8  # of each form

pytestmark = [pytest.mark.django_db, pytest.mark.slow]


@once
def boss() -> User:
    """Somebody who may do everything, in a house where there is one thing of each kind."""
    unit = UnitFactory()
    user = UserFactory(
        is_staff=True, is_superuser=True, roles=dict.fromkeys(SHIPPED, root()), home_unit=root()
    )
    DeliveryFactory(unit=unit, finished=True)
    DeliveryFactory(unit=unit)
    broken = io.BytesIO(b"external_id,email\nC1,a@example.com\nC2\n")
    refused = imports.start(file=broken, name="x.csv", unit=unit, by=user, options=imports.Options())
    imports.run(import_id=refused.pk)
    AttributeFactory()
    TestProfileFactory(unit=unit)
    return user


class Shown:
    """Asks for each address, with what is there and with awkward values in its places; keeps the first page of a route."""

    def __init__(self, user: User) -> None:
        crawler = Crawler(user)
        self.pages: dict[str, tuple[str, list[tuple[str, dict[str, list[str]]]]]] = {}
        for route, address in mounted(known()):
            page = crawler.ask("get", address)
            if page.status_code == 200 and route not in self.pages:
                self.pages[route] = address, [*forms_in(b"" if page.streaming else page.content)]
        self.broken = crawler.broken


@once
def shown(boss: User) -> Shown:
    """The house stands for all tests here, so each of them would be shown the same again."""
    return Shown(boss)


def a_file() -> SimpleUploadedFile:
    return SimpleUploadedFile("../a\x00.zip", b"PK\x03\x04\xff", content_type="text/html; charset=x")


def test_whatever_stands_in_an_address(shown: Shown) -> None:
    assert len(shown.pages) > 80
    assert shown.broken == []


def test_whatever_stands_behind_an_address(boss: User, shown: Shown) -> None:
    """Each page with an awkward value in all parameters at once, and in two by themselves; in turn, so each is tried."""
    crawler = Crawler(boss)
    names = [name for name in parameters() if name not in ("_to_field", "_popup")]
    values, alone = cycle(AWKWARD[:12]), cycle(["p", "o", "e", "page", "q", "after", "before", "search"])

    for route, (address, _forms) in shown.pages.items():
        value = next(values)[:100]
        crawler.ask("get", asked_in_the_address(address, names[:60], value))
        crawler.ask("get", asked_in_the_address(address, names[60:], value))
        for name in islice(alone, 2):
            crawler.ask("get", asked_in_the_address(address, [name], next(values)[:100]))
        if route.startswith("admin/"):
            crawler.ask("get", f"{address}?_to_field=")

    assert crawler.broken == []


def test_whatever_is_posted_by_a_form(boss: User, shown: Shown) -> None:
    """Each form with awkward values in all fields, and with one in some by themselves; in turn, so each is tried.

    Then with several values for each field, with files in the place of values, and empty.
    """
    crawler = Crawler(boss)
    values, seen = cycle(AWKWARD), set()

    for address, forms in shown.pages.values():
        for where, fields in forms:
            if tuple(sorted(fields)) in seen or "logout" in where:
                continue
            seen.add(tuple(sorted(fields)))
            target = where if where.startswith("/") else address + where
            for name in [*fields][:FIELDS_ALONE]:
                crawler.ask("post", target, fields | {name: [next(values)]})
            for value in islice(values, 2):
                crawler.ask("post", target, {name: [value] for name in fields})
            crawler.ask("post", target, {name: [*islice(values, 3)] for name in fields})
            crawler.ask("post", target, {name: a_file() for name in fields})
            crawler.ask("post", target, {})

    assert seen
    assert crawler.broken == []


@pytest.mark.parametrize("role", ["administration", "prepare", None])
def test_whoever_asks(role: str | None, boss: User) -> None:
    crawler = Crawler(UserFactory(is_staff=True, roles={role: root()}) if role else None)

    for _route, address in {
        route: (route, address) for route, address in reversed([*mounted(known())])
    }.values():
        crawler.ask("get", address)
        crawler.ask("post", address, {})

    assert crawler.broken == []


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", "{"),
        ("multipart/form-data", "x"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="label"\r\n\r\n\xff'),
        ("multipart/form-data; boundary=x; charset=utf-7", b'--x\r\nContent-Disposition: form-data; name="label"\r\n\r\n+2AA-\r\n--x--'),
        ("multipart/form-data; boundary=x; charset=rot13", b"--x--"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="label"; filename="\x00"\r\n\r\nx\r\n--x--'),
        ("application/x-www-form-urlencoded", "&".join(f"f{n}=1" for n in range(1_001))),
        ("application/x-www-form-urlencoded; charset=utf-16", "label=%00"),
        ("text/plain; charset=unicode_escape", "x"),
    ],
)  # fmt: skip
def test_whatever_a_body_is_said_to_be(content_type: str, body: Any, boss: User) -> None:
    crawler = Crawler(boss)

    for address in (
        "/profiles/new/",
        "/audiences/new/",
        "/deliveries/new/",
        "/login/",
        "/admin/accounts/user/add/",
    ):
        octets = body if isinstance(body, bytes) else body.encode()
        crawler.ask("generic_post", address, data=octets, content_type=content_type)
        crawler.ask("generic_get", f"{address}?q=%5Cud800&before=1", content_type=content_type)
        for method in ("put", "patch", "delete", "options", "head", "trace"):
            crawler.ask(method, address)

    assert crawler.broken == []


def test_a_cookie_with_a_nul_is_a_bad_request(db: None) -> None:
    client = Client(
        raise_request_exception=False,
        headers={"cookie": 'sessionid="\\000\\000\\000\\000\\000\\000\\000\\000"'},
    )

    assert client.get("/").status_code == 400
