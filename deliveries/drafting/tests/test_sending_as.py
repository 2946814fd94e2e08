"""The sender of a delivery is chosen from the lists of its unit: on both pages, at the desk, by a command."""

import pytest
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.management.tests.calling import run
from deliveries.models import Delivery, Route, Sender
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def fast():
    return Route.objects.create(label="Fast")


@pytest.fixture
def shop(unit, fast):
    return Sender.objects.create(unit=unit, address="shop@serra.example", name="Shop", reply_to="hi@serra.example", route=fast)  # fmt: skip


@pytest.fixture
def above():
    return Sender.objects.create(unit=root(), address="above@serra.example", name="Above")


def said(delivery):
    delivery = Delivery.objects.get(pk=delivery.pk)
    content = delivery.content
    return content.from_name, content.from_address, content.reply_to, str(delivery.route or "")


SHOP = ("Shop", "shop@serra.example", "hi@serra.example", "Fast")


def written(page, **changed):
    """What the editor holds, with what somebody changed in it."""
    form = page.context["form"]
    return {name: form[name].value() or "" for name in form.fields} | changed


def test_a_new_delivery_begins_with_the_nearest_sender(client, ana, unit, shop, above):
    where = reverse("deliveries:create")
    form = client.get(where).context["form"]
    assert form["sender"].value() == shop.pk
    assert [str(label) for _value, label in form.fields["sender"].choices][1:] == [
        f"Above <above@serra.example> · {root()}", f"Shop <shop@serra.example> · {unit}",
    ]  # fmt: skip

    client.post(
        where, {"label": "One", "unit": unit.pk, "sender": shop.pk, "schedule_kind": "", "time_zone": "UTC"}
    )

    assert said(Delivery.objects.get(label="One")) == SHOP


def test_a_sender_of_another_unit_is_refused_by_name(client, ana, unit, shop):
    other = UnitFactory(label="Elsewhere")
    UserFactory()
    from_there = Sender.objects.create(unit=other, address="there@serra.example")
    delivery = DeliveryFactory(unit=unit, by=ana)

    with pytest.raises(drafting.SenderElsewhere):
        drafting.send_as(delivery=delivery, sender=from_there, by=ana, at=clock.now())
    answer = client.post(
        reverse("deliveries:content", args=[delivery.pk]),
        written(client.get(reverse("deliveries:content", args=[delivery.pk])), sender=from_there.pk),
    )
    assert answer.status_code == 200
    assert "sender" in answer.context["form"].errors


def test_in_the_editor_a_sender_fills_in_what_was_left_and_what_is_typed_counts(
    client, ana, unit, shop, above
):
    delivery = DeliveryFactory(unit=unit, by=ana)
    where = reverse("deliveries:content", args=[delivery.pk])

    client.post(where, written(client.get(where), sender=shop.pk))
    assert said(delivery) == SHOP

    client.post(where, written(client.get(where), sender=above.pk, from_name="Mine"))
    assert said(delivery) == ("Mine", "above@serra.example", "", "Fast")

    page = client.get(where)
    assert page.context["form"]["sender"].value() == above.pk
    client.post(where, written(page, from_address="typed@serra.example"))
    assert said(delivery)[1] == "typed@serra.example"
    assert client.get(where).context["form"]["sender"].value() is None


def test_at_the_desk_and_by_a_command(client, ana, unit, shop, above):
    delivery = DeliveryFactory(unit=unit, by=ana)
    where = reverse("admin:deliveries_delivery_change", args=[delivery.pk])
    form = client.get(where).context["adminform"].form
    posted = {name: form[name].value() for name in form.fields if form[name].value() not in (None, [])}

    client.post(where, posted | {"sender": shop.pk})
    assert said(delivery) == SHOP

    answer = run("set_sender", f"DM{delivery.pk}", "Above@Serra.example", "--as", "ana")
    assert answer["sender"] == "above@serra.example"
    assert said(delivery)[:2] == ("Above", "above@serra.example")


def test_who_may_not_prepare_chooses_none(unit, shop):
    delivery = DeliveryFactory(unit=unit)

    with pytest.raises(drafting.drafts.access.NotAllowed):
        drafting.send_as(delivery=delivery, sender=shop, by=person("approve", unit), at=clock.now())
