"""Who sets which limit, by which face, and what is refused."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import IntegrityError, transaction
from django.test import Client

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.lifecycle import seal
from deliveries.models import Delivery, ProviderLimit, Route, Status
from deliveries.operations import route_settings
from deliveries.routing import limits, routes
from deliveries.routing.limits import BadDomain, DomainsMissing, LimitOutOfRange, NothingLeavesAnyMore
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


def set_limit(delivery: Delivery, per_hour: object, role: str = "start") -> int | None:
    return limits.set_limit(
        delivery=delivery, per_hour=per_hour, by=person(role, delivery.unit), at=clock.now()
    )


def provider(name: str, domains: list[str], per_hour: object = 3600, **limit: Any) -> ProviderLimit:
    return route_settings.save_provider_limit(
        limit=limit.get("limit") or ProviderLimit(route=routes.default_route()),
        by=person("administration", root()), name=name, domains=domains, limit_per_hour=per_hour,
    )  # fmt: skip


def command(*arguments: str) -> dict[str, Any]:
    out = StringIO()
    call_command(*arguments, "--json", stdout=out, stderr=StringIO())
    return json.loads(out.getvalue())


# -- a delivery's -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stage", "role"),
    [
        ("draft", "prepare"),
        ("ready", "prepare"),
        ("scheduled", "start"),
        ("sending", "start"),
        ("paused", "start"),
    ],
)
def test_a_limit_may_be_set_until_nothing_leaves_any_more(stage, role):
    delivery = DeliveryFactory(**({} if stage == "draft" else {stage: True}))

    assert set_limit(delivery, 3600, role) == 3600

    delivery.refresh_from_db()
    assert (delivery.limit_per_hour, delivery.status) == (3600, stage)
    assert AuditEvent.objects.filter(action="set_limit", refused=False).count() == 1


@pytest.mark.parametrize("stage", ["scheduled", "sending", "paused"])
def test_once_confirmed_who_only_prepares_may_not_set_it(stage):
    with pytest.raises(NotAllowed):
        set_limit(DeliveryFactory(**{stage: True}), 3600, "prepare")


@pytest.mark.parametrize("stage", ["finished", "stopped"])
def test_of_what_is_over_no_limit_is_set(stage):
    with pytest.raises(NothingLeavesAnyMore):
        set_limit(DeliveryFactory(**{stage: True}), 3600)


def test_a_limit_is_no_part_of_the_seal():
    delivery = DeliveryFactory(ready=True)
    sealed = delivery.seal

    set_limit(delivery, 3600, "prepare")

    delivery = Delivery.objects.get(pk=delivery.pk)
    assert (delivery.status, delivery.seal, seal.changes(delivery)) == (Status.READY, sealed, [])


@pytest.mark.parametrize(
    "text", ["0", "-1", "1.5", "many", "100000001", "9" * 400, "١٢", " 1 2 ", 0, -5, True, 1.5]
)
def test_what_is_no_limit_is_refused_and_the_field_is_named(text):
    delivery = DeliveryFactory()

    with pytest.raises(LimitOutOfRange, match="Messages an hour"):
        set_limit(delivery, text, "prepare")

    delivery.refresh_from_db()
    assert delivery.limit_per_hour is None


@pytest.mark.parametrize("text", ["", "none", "None", "  ", None])
def test_no_limit_is_written_so(text):
    delivery = DeliveryFactory(limit_per_hour=10)

    assert set_limit(delivery, text, "prepare") is None


def test_the_database_itself_refuses_a_limit_of_nothing():
    with pytest.raises(IntegrityError), transaction.atomic():
        Delivery.objects.filter(pk=DeliveryFactory().pk).update(limit_per_hour=0)


def test_a_copy_keeps_the_limit():
    delivery = DeliveryFactory(limit_per_hour=500)

    assert drafting.duplicate(delivery=delivery, by=person("prepare", delivery.unit)).limit_per_hour == 500


# -- a route's and a mailbox provider's -------------------------------------------------------------------


def test_who_does_not_administer_everything_sets_no_limit_of_a_route():
    route, starter = routes.default_route(), person("start", root())

    with pytest.raises(NotAllowed):
        route_settings.save_route(route=route, by=starter, limit_per_hour=5)
    with pytest.raises(NotAllowed):
        route_settings.save_provider_limit(
            limit=ProviderLimit(route=route),
            by=starter,
            name="Gmail",
            domains=["gmail.com"],
            limit_per_hour=5,
        )
    limit = provider("Gmail", ["gmail.com"])
    with pytest.raises(NotAllowed):
        route_settings.remove_provider_limit(limit=limit, by=starter)


def test_domains_are_kept_as_addresses_are_compared():
    limit = provider("Mail", [" Gmail.COM ", "@googlemail.com.", "gmail.com", "bücher.example"])

    assert limit.domains == ["gmail.com", "googlemail.com", "xn--bcher-kva.example"]


@pytest.mark.parametrize(
    "domain", ["gmail", "", "a b.com", "ana@gmail.com", "-.com", "x" * 300 + ".com", "gmail..com", "*"]
)
def test_what_is_no_domain_is_refused(domain):
    with pytest.raises(BadDomain, match="Domains"):
        provider("Mail", ["gmail.com", domain])


def test_a_provider_without_a_domain_is_refused():
    with pytest.raises(DomainsMissing, match="Domains"):
        provider("Mail", [])


def test_a_domain_has_one_limit_by_a_route():
    provider("Gmail", ["gmail.com", "googlemail.com"])

    with pytest.raises(route_settings.DomainTaken, match=r"Domains: “googlemail.com” belongs to “Gmail”"):
        provider("Google", ["google.com", "googlemail.com"])
    with pytest.raises(IntegrityError), transaction.atomic():
        ProviderLimit.objects.create(
            route=routes.default_route(), name="Google", domains=["gmail.com"], limit_per_hour=1
        )


def test_by_another_route_the_same_domain_may_have_another():
    provider("Gmail", ["gmail.com"])

    other = provider("Gmail", ["gmail.com"], limit=ProviderLimit(route=Route.objects.create(label="Other")))

    assert other.pk


@pytest.mark.parametrize("name", ["Gmail", " Gmail ", ""])
def test_a_name_that_another_limit_has_is_refused(name):
    provider("Gmail", ["gmail.com"])

    with pytest.raises(route_settings.ProviderNameTaken):
        provider(name, ["yahoo.com"])


@pytest.mark.parametrize("per_hour", [None, "", "none", 0, -1, "x", 2**31])
def test_a_provider_has_a_limit_that_is_one(per_hour):
    with pytest.raises(LimitOutOfRange, match="Messages an hour"):
        provider("Gmail", ["gmail.com"], per_hour)


# -- commands ---------------------------------------------------------------------------------------------


def test_the_command_sets_and_takes_away_a_deliverys_limit():
    delivery, starter = DeliveryFactory(sending=True), person("start", root())

    answer = command("set_limit", delivery.name, "--per-hour", "3600", "--as", starter.username)
    assert answer == {"delivery": delivery.name, "limit_per_hour": 3600}
    answer = command("set_limit", delivery.name, "--per-hour", "none", "--as", starter.username)
    assert answer == {"delivery": delivery.name, "limit_per_hour": None}


@pytest.mark.parametrize("typed", ["0", "-1", "lots"])
def test_the_command_says_what_makes_no_sense(typed):
    with pytest.raises(CommandError) as refused:
        command(
            "set_limit",
            DeliveryFactory().name,
            f"--per-hour={typed}",
            "--as",
            person("prepare", root()).username,
        )

    assert refused.value.returncode == 2


def test_a_rule_says_no_with_one():
    delivery = DeliveryFactory(sending=True)

    with pytest.raises(CommandError) as refused:
        command("set_limit", delivery.name, "--per-hour", "5", "--as", person("prepare", root()).username)

    assert refused.value.returncode == 1


def test_the_routes_commands_set_show_and_take_away():
    boss = person("administration", root()).username

    made = command("save_route", "Relay", "--limit-per-hour", "3600", "--as", boss)
    assert made["limit_per_hour"] == 3600
    assert command("save_route", "Relay", "--port", "26", "--as", boss)["limit_per_hour"] == 3600
    gmail = command(
        "save_provider_limit",
        "Relay",
        "Gmail",
        "--domains",
        "gmail.com,googlemail.com",
        "--per-hour",
        "60",
        "--as",
        boss,
    )
    assert gmail["domains"] == ["gmail.com", "googlemail.com"]
    slower = command("save_provider_limit", "Relay", "Gmail", "--per-hour", "30", "--as", boss)
    assert (slower["limit_per_hour"], slower["domains"]) == (30, ["gmail.com", "googlemail.com"])
    command("save_provider_limit", "Relay", "Gmail", "--per-hour", "none", "--as", boss)
    assert not ProviderLimit.objects.exists()
    assert command("save_route", "Relay", "--limit-per-hour", "none", "--as", boss)["limit_per_hour"] is None


@pytest.mark.parametrize("value", [0, -1, 1.5, True, "3600", [], 2**40])
def test_a_delivery_file_with_no_limit_at_all_is_refused_by_the_fields_name(tmp_path, value):
    file = tmp_path / "delivery.json"
    file.write_text(json.dumps({"label": "July", "unit": root().label, "limit_per_hour": value}))

    with pytest.raises(CommandError, match=r"limit_per_hour: ") as refused:
        call_command("create_delivery", str(file), "--as", person("prepare", root()).username)

    assert refused.value.returncode == 2


@pytest.mark.parametrize("value", [3600, None])
def test_a_delivery_file_may_say_the_limit(tmp_path, value):
    file = tmp_path / "delivery.json"
    file.write_text(json.dumps({"label": "July", "unit": root().label, "limit_per_hour": value}))

    command("create_delivery", str(file), "--as", person("prepare", root()).username)

    assert Delivery.objects.get().limit_per_hour == value


# -- pages and desk ---------------------------------------------------------------------------------------


def test_the_dashboard_offers_the_limit_to_whoever_may_set_it():
    delivery = DeliveryFactory(sending=True)
    path = f"/deliveries/{delivery.pk}/"
    starter, preparer = signed_in(person("start", root())), signed_in(person("prepare", root()))

    assert f'action="{path}limit/"' in starter.get(path).content.decode()
    assert f'action="{path}limit/"' not in preparer.get(path).content.decode()
    answer = starter.post(f"{path}limit/", {"limit_per_hour": "12345"}, follow=True).content.decode()

    assert "At most 12,345 messages an hour leave from now on." in answer
    assert 'value="12345"' in answer
    assert "12,345" in preparer.get(path).content.decode()
    assert preparer.post(f"{path}limit/", {"limit_per_hour": "1"}).status_code == 403
    assert starter.get(f"{path}limit/").status_code == 405
    assert signed_in(UserFactory()).post(f"{path}limit/").status_code == 404


def test_the_dashboard_says_what_is_no_limit():
    delivery = DeliveryFactory()

    answer = signed_in(person("prepare", root())).post(
        f"/deliveries/{delivery.pk}/limit/", {"limit_per_hour": "0"}, follow=True
    )

    assert "Messages an hour: write a whole number from 1 to 100,000,000." in answer.content.decode()


@pytest.fixture
def boss() -> Client:
    return signed_in(UserFactory(is_staff=True, is_superuser=True, roles={"start": root()}))


def test_the_desk_sets_a_deliverys_limit(boss):
    delivery = DeliveryFactory(sending=True)
    path = f"/admin/deliveries/delivery/{delivery.pk}/"

    assert "step/limit/" in boss.get(f"{path}change/").content.decode()
    assert "limit_per_hour" in boss.get(f"{path}step/limit/").content.decode()
    boss.post(f"{path}step/limit/", {"limit_per_hour": "600"})

    delivery.refresh_from_db()
    assert delivery.limit_per_hour == 600


def test_the_desk_makes_changes_and_removes_a_providers_limit(boss):
    route, path = routes.default_route(), "/admin/deliveries/providerlimit/"
    typed = {
        "route": route.pk,
        "name": "Gmail",
        "domain_names": "gmail.com, googlemail.com",
        "limit_per_hour": "60",
    }

    assert boss.post(f"{path}add/", typed).status_code == 302
    limit = ProviderLimit.objects.get()
    assert (limit.domains, limit.limit_per_hour) == (["gmail.com", "googlemail.com"], 60)
    assert "gmail.com" in boss.get(path).content.decode()
    page = boss.get(f"{path}{limit.pk}/change/").content.decode()
    assert "gmail.com googlemail.com" in page
    assert boss.post(f"{path}{limit.pk}/change/", typed | {"limit_per_hour": "90"}).status_code == 302
    answer = boss.post(f"{path}add/", typed | {"name": "Google"})
    assert "belongs to “Gmail” already" in answer.content.decode()
    assert boss.post(f"{path}{limit.pk}/delete/", {"post": "yes"}).status_code == 302

    assert not ProviderLimit.objects.exists()
    actions = AuditEvent.objects.filter(refused=False).values_list("action", flat=True)
    assert {"save_provider_limit", "remove_provider_limit"} <= set(actions)


def test_the_desk_sets_a_routes_limit(boss):
    route = routes.default_route()
    path = f"/admin/deliveries/route/{route.pk}/change/"
    typed = {"label": "Default", "is_default": "on", "port": "25", "tls": "none", "connections": "8",
             "messages_per_connection": "0"}  # fmt: skip

    assert boss.post(path, typed | {"limit_per_hour": "3600"}).status_code == 302
    assert Route.objects.get().limit_per_hour == 3600
    assert "Messages an hour" in boss.post(path, typed | {"limit_per_hour": "0"}).content.decode()
    assert boss.post(path, typed | {"limit_per_hour": ""}).status_code == 302
    assert Route.objects.get().limit_per_hour is None
