"""Where deliveries lie, on pages, at the desk and by command; it changes nothing of what is sent."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries import drafting
from deliveries.drafting import many
from deliveries.folders import placing, tree
from deliveries.folders.tests.factories import folder_in
from deliveries.lifecycle import seal
from deliveries.models import Delivery, Folder
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


@pytest.fixture
def by(unit):
    return person("prepare", unit)


def said(name, *args, **options):
    out = StringIO()
    call_command(name, *args, stdout=out, as_json=True, **options)
    return json.loads(out.getvalue())


def test_a_delivery_is_placed_whatever_its_status_and_keeps_its_seal(unit, by):
    summer = folder_in(unit)
    ready, finished = DeliveryFactory(unit=unit, ready=True), DeliveryFactory(unit=unit, finished=True)

    outcome = many.place(deliveries=[ready, finished], folder=summer, by=by)

    assert (len(outcome.done), outcome.refused) == (2, [])
    ready.refresh_from_db()
    assert (ready.folder, ready.status, seal.changes(ready)) == (summer, "ready", [])


def test_only_who_prepares_it_places_it_and_only_where_its_unit_may_lie(unit, by):
    delivery = DeliveryFactory(unit=unit, recipients=1)

    with pytest.raises(NotAllowed):
        placing.place(delivery=delivery, folder=folder_in(unit), by=person("approve", unit))
    with pytest.raises(tree.FolderElsewhere):
        placing.place(delivery=delivery, folder=folder_in(UnitFactory()), by=by)

    assert Delivery.objects.get().folder is None


def test_a_copy_lies_where_its_original_does(unit, by):
    summer = folder_in(unit)
    delivery = DeliveryFactory(unit=unit, folder=summer, recipients=1)

    assert drafting.duplicate(delivery=delivery, by=by).folder == summer


def test_what_moves_to_another_unit_leaves_a_folder_that_is_not_above_it(unit):
    there = UnitFactory()
    by = UserFactory(roles={"prepare": [unit, there, unit.parent]})
    above = folder_in(unit.parent, by=by)
    first = DeliveryFactory(unit=unit, folder=folder_in(unit), recipients=1)
    second = DeliveryFactory(unit=unit, folder=above, recipients=1)

    outcome = many.move(deliveries=[first, second], unit=there, by=by, at=clock.now())

    assert outcome.refused == []
    assert list(Delivery.objects.order_by("pk").values_list("folder", flat=True)) == [None, above.pk]


def test_the_list_shows_a_folder_with_all_in_it_and_a_new_delivery_begins_there(client, unit, by):
    client.force_login(by)
    summer = folder_in(unit)
    july = folder_in(unit, "July", parent=summer)
    DeliveryFactory(unit=unit, folder=july, label="In July", recipients=1)
    DeliveryFactory(unit=unit, label="Elsewhere", recipients=1)

    page = client.get(reverse("deliveries:list"), {"folder": summer.pk}).content.decode()

    assert "In July" in page
    assert "Summer › July" in page
    assert "Elsewhere" not in page
    form = client.get(reverse("deliveries:create"), {"folder": july.pk}).context["form"]
    assert (form.initial["folder"], form.initial["unit"]) == (july.pk, unit.pk)


def test_the_pages_make_change_move_and_delete_a_folder(client, unit, by):
    client.force_login(by)
    summer = folder_in(unit)
    form = {
        "label": "July",
        "unit": unit.pk,
        "is_campaign": "on",
        "goal_figure": "clicks",
        "goal_value": "3.5",
    }

    client.post(reverse("deliveries:folder-create"), form)
    july = Folder.objects.get(label="July")
    client.post(reverse("deliveries:folder-edit", args=[july.pk]), {"label": "August", "parent": summer.pk})
    july.refresh_from_db()

    assert (july.label, july.parent, july.is_campaign) == ("August", summer, False)
    assert client.post(reverse("deliveries:folder-delete", args=[july.pk])).status_code == 302
    assert not Folder.objects.filter(pk=july.pk).exists()


def test_what_a_rule_refuses_is_said_above_the_form(client, unit, by):
    client.force_login(by)
    folder_in(unit)

    answer = client.post(reverse("deliveries:folder-create"), {"label": "Summer", "unit": unit.pk})

    assert "There is a folder “Summer” there already" in answer.content.decode()


def test_a_folder_of_another_branch_is_not_there(client, unit):
    client.force_login(person("prepare", UnitFactory()))
    hidden = folder_in(unit)

    for name in ("folder", "folder-edit", "folder-delete"):
        assert client.get(reverse(f"deliveries:{name}", args=[hidden.pk])).status_code == 404
    assert "Summer" not in client.get(reverse("deliveries:folders")).content.decode()


def test_the_chosen_are_placed_from_the_list(client, unit, by):
    client.force_login(by)
    summer, delivery = folder_in(unit), DeliveryFactory(unit=unit, finished=True, recipients=1)
    chosen = {"action": "place", "pk": [delivery.pk]}

    asked = client.post(reverse("deliveries:many"), chosen)
    client.post(reverse("deliveries:many"), chosen | {"placed": "1", "folder": summer.pk})

    assert asked.status_code == 200
    delivery.refresh_from_db()
    assert delivery.folder == summer


def test_commands_do_what_the_pages_do(unit, by):
    made = said("save_folder", "Summer", unit=unit.label, person=by.username)
    july = said("save_folder", "July", parent="Summer", goal=["clicks", "3.5"], person=by.username)
    delivery = DeliveryFactory(unit=unit, recipients=1)

    said("many_deliveries", "place", delivery.name, folder="Summer > July", person=by.username)

    assert july["path"] == "Summer › July"
    assert july["campaign"]
    assert (
        said("list_deliveries", folder="Summer", person=by.username)["deliveries"][0]["folder"]
        == "Summer › July"
    )
    assert [one["deliveries"] for one in said("list_folders", person=by.username)] == [0, 1]
    with pytest.raises(CommandError) as refused:
        call_command("delete_folder", "July", person=by.username, stdout=StringIO())
    assert refused.value.returncode == 1
    said("move_folder", "July", top=True, person=by.username)
    said("delete_folder", str(made["folder"]), person=by.username)


def test_the_command_lists_folders_by_a_part_of_their_path_and_no_more_than_asked_for(unit, by):
    for label, goal in [("Summer", None), ("Winter", ["clicks", "3.5"])]:
        said("save_folder", label, unit=unit.label, person=by.username, **({"goal": goal} if goal else {}))
    said("save_folder", "July", parent="Summer", person=by.username)

    def paths(**options):
        return [one["path"] for one in said("list_folders", person=by.username, **options)]

    assert paths(text="summer") == ["Summer", "Summer › July"]
    assert paths(campaigns=True) == ["Winter"]
    assert paths(limit=1) == ["Summer"]


def test_the_desk_makes_a_folder_and_puts_a_delivery_in_it(client, unit):
    boss = UserFactory(is_staff=True, is_superuser=True, roles={"prepare": unit})
    client.force_login(boss)
    delivery = DeliveryFactory(unit=unit, finished=True, recipients=1)

    client.post(reverse("admin:deliveries_folder_add"), {"label": "Summer", "unit": unit.pk})
    summer = Folder.objects.get()
    step = reverse("admin:deliveries_delivery_step", args=[delivery.pk, "place"])
    assert client.get(step).status_code == 200
    client.post(step, {"folder": summer.pk})

    delivery.refresh_from_db()
    assert delivery.folder == summer
    refused = client.post(
        reverse("admin:deliveries_folder_delete", args=[summer.pk]), {"post": "yes"}, follow=True
    )
    assert refused.status_code in (200, 403)
    assert Folder.objects.filter(pk=summer.pk).exists()


@pytest.mark.parametrize("number", [1, 8])
def test_the_tree_takes_a_flat_number_of_queries(client, unit, by, number, django_assert_max_num_queries):
    client.force_login(by)
    for n in range(number):
        DeliveryFactory(unit=unit, folder=folder_in(unit, f"F{n}"), recipients=1)
    client.get(reverse("deliveries:folders"))

    with django_assert_max_num_queries(22):
        client.get(reverse("deliveries:folders"))
