"""The address of a desk's list asks for what the list names, and for no secret letter by letter."""

import re
from http.cookies import SimpleCookie
from typing import Any

import pytest
from django.contrib import admin
from django.db import models
from django.test import Client

from accounts.desk import DeskAdmin
from accounts.models import User
from accounts.roles import root
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.stack.module_db import once

pytestmark = pytest.mark.django_db
SECRET = re.compile(
    r"password|secret|token|credential|private|session|dkim_key|hash|digest|(^|_)seal|_key$|^key$"
)
DESKS = sorted(admin.site._registry.items(), key=lambda pair: pair[0]._meta.label)
EACH = pytest.mark.parametrize(
    ("model", "desk"), DESKS, ids=[model._meta.label_lower for model, _desk in DESKS]
)
NOT_NAMED = (
    "password__startswith=a", "user__password__startswith=a", "granted_by__password__startswith=a",
    "unit__members__password__gte=a", "home_unit__members__password__regex=.", "by__password__startswith=a",
    "id__gt=0", "pk__in=1,2", "username=ana", "email__contains=a",
)  # fmt: skip


def paths(model: type[models.Model], depth: int = 3) -> list[str]:
    """The way to each secret that can be reached from a row, over relations either way."""
    found = []
    for field in model._meta.get_fields():
        name = field.name
        if field.is_relation and field.related_model and depth:
            found += [f"{name}__{inner}" for inner in paths(field.related_model, depth - 1)]
        elif SECRET.search(field.name):
            found.append(name)
    return found


def address(model: type[models.Model]) -> str:
    return f"/admin/{model._meta.app_label}/{model._meta.model_name}/"


@once
def cookies() -> SimpleCookie:
    user = UserFactory(is_staff=True, is_superuser=True, roles={"administration": root()})
    return signed_in(user).cookies


@pytest.fixture
def boss(cookies: SimpleCookie) -> Client:
    client = Client()
    client.cookies = cookies
    return client


@EACH
def test_every_list_has_our_base_class(model: type[models.Model], desk: Any) -> None:
    assert isinstance(desk, DeskAdmin)


@EACH
def test_no_secret_is_looked_up(model: type[models.Model], desk: Any, rf) -> None:
    request = rf.get("/")
    request.user = UserFactory(is_staff=True, is_superuser=True)

    taken = [
        f"{path}{look}" for path in paths(model) for look in ("", "__startswith", "__gte", "__regex", "__in")
        if desk.lookup_allowed(f"{path}{look}", "a", request)
    ]  # fmt: skip

    assert taken == []


@EACH
def test_what_a_list_does_not_name_is_a_bad_request(
    boss: Client, model: type[models.Model], desk: Any
) -> None:
    if model._meta.label_lower in ("django_rq.dashboard", "deliveries.instance"):
        pytest.skip("its list reads no rows")

    answers = {asked: boss.get(f"{address(model)}?{asked}").status_code for asked in NOT_NAMED}

    assert answers == dict.fromkeys(NOT_NAMED, 400)


@EACH
def test_each_filter_that_a_list_shows_works(boss: Client, model: type[models.Model], desk: Any) -> None:
    page = boss.get(address(model)).text
    links = {link.replace("&amp;", "&") for link in re.findall(r'href="(\?[^"]+)"', page)}

    assert {link: boss.get(address(model) + link).status_code for link in links} == dict.fromkeys(links, 200)


@EACH
def test_no_column_by_which_one_can_sort_is_a_secret(model: type[models.Model], desk: Any, rf) -> None:
    columns = [
        getattr(getattr(desk, str(name), None), "admin_order_field", name) for name in desk.list_display
    ]

    assert [name for name in [*columns, *desk.search_fields] if "password" in str(name)] == []


def test_a_unit_administrator_learns_no_hash() -> None:
    unit = UnitFactory()
    desk = Client()
    desk.force_login(UserFactory(is_staff=True, roles={"administration": unit}))
    ana = UserFactory(username="ana", home_unit=unit)

    for begin in (User.objects.get(pk=ana.pk).password[:12], "nothing"):
        assert desk.get(f"/admin/accounts/user/?username=ana&password__startswith={begin}").status_code == 400


@pytest.mark.parametrize(
    "asked",
    [
        "app_label=accounts&model_name=rolegrant&field_name=user&term=ana&password__startswith=a",
        "app_label=accounts&model_name=rolegrant&field_name=user&term=md5",
    ],
)
def test_autocomplete_finds_nobody_by_a_hash(boss: Client, asked: str) -> None:
    ana = UserFactory(username="ana")

    results = boss.get(f"/admin/autocomplete/?{asked}").json()["results"]

    assert {each["id"] for each in results} <= {str(ana.pk)}
    assert "md5" not in asked or not results


def test_a_row_is_not_picked_by_another_field_than_its_key(boss: Client) -> None:
    assert boss.get("/admin/accounts/user/?_to_field=password").status_code == 400
