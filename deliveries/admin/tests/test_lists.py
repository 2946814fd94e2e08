"""The desk's lists: the sending log, what each list costs, and no bulk action anywhere."""

from datetime import timedelta

import pytest
from django.contrib import admin
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from accounts.models import OrganizationalUnit
from campaign.lib import clock
from deliveries.admin.tests.desk import LIST, change
from deliveries.models import Try
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


def test_the_sending_log_is_read_page_by_page(
    starter: Client, unit: OrganizationalUnit, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deliveries.admin.lists.PAGE", 2)
    delivery = DeliveryFactory(unit=unit, finished=True)
    addresses = list(delivery.messages.order_by("seq").values_list("address", flat=True))
    url = f"{LIST}{delivery.pk}/list/sending-log/"

    first = starter.get(url)
    second = starter.get(url, {"after": first.context["page"].after})

    shown = [row[1] for page in (first, second) for row in page.context["page"].rows]
    assert shown == addresses
    assert second.context["page"].after is None


def test_the_sending_log_names_the_next_try(starter: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, sending=True)
    due = clock.now() + timedelta(minutes=5)
    Try.objects.create(delivery=delivery, seq=2, due_at=due, tries=1)

    page = starter.get(f"{LIST}{delivery.pk}/list/sending-log/").context["page"]

    place = [str(header) for header in page.listing.headers].index("Next try")
    assert [row[place] for row in page.rows] == ["–", due, "–"]


def test_the_sending_log_is_filtered(starter: Client, unit: OrganizationalUnit) -> None:
    delivery = DeliveryFactory(unit=unit, finished=True)
    address = delivery.messages.order_by("seq").values_list("address", flat=True)[1]
    url = f"{LIST}{delivery.pk}/list/sending-log/"

    assert len(starter.get(url, {"q": address}).context["page"].rows) == 1
    assert len(starter.get(url, {"is": "1"}).context["page"].rows) == 3
    assert len(starter.get(url, {"is": "2"}).context["page"].rows) == 0


@pytest.mark.parametrize("name", ["sending-log", "exclusion-log", "unknown-outcomes"])
@pytest.mark.parametrize(
    "query", [{"after": "x"}, {"after": "9" * 30}, {"is": "x"}, {"q": "%"}, {"after": "-1"}]
)
def test_a_made_up_query_does_no_harm(
    starter: Client, unit: OrganizationalUnit, name: str, query: dict[str, str]
) -> None:
    delivery = DeliveryFactory(unit=unit, ready=True)

    assert starter.get(f"{LIST}{delivery.pk}/list/{name}/", query).status_code == 200


def queries(client: Client, url: str) -> int:
    client.get(url)  # what is read once for the life of a process
    with CaptureQueriesContext(connection) as seen:
        assert client.get(url).status_code == 200
    return len(seen)


def test_the_list_takes_the_same_queries_for_1_and_25(starter: Client, unit: OrganizationalUnit) -> None:
    DeliveryFactory(unit=unit, ready=True)
    with_one = queries(starter, LIST)
    for _ in range(24):
        DeliveryFactory(unit=unit, recipients=1)

    assert queries(starter, LIST) == with_one


def test_a_delivery_takes_the_same_queries_for_1_and_25_messages(
    starter: Client, unit: OrganizationalUnit
) -> None:
    small, large = (DeliveryFactory(unit=unit, finished=True, recipients=size) for size in (1, 25))

    assert queries(starter, change(small)) == queries(starter, change(large))
    log = "list/sending-log/"
    assert queries(starter, f"{LIST}{small.pk}/{log}") == queries(starter, f"{LIST}{large.pk}/{log}")


@pytest.mark.parametrize("model", sorted(m._meta.label_lower for m in admin.site._registry))
def test_every_list_opens_and_bulk_actions_are_nowhere(administrator: Client, model: str) -> None:
    app, name = model.split(".")

    page = administrator.get(f"/admin/{app}/{name}/")

    assert page.status_code == 200
    assert "delete_selected" not in page.content.decode()
