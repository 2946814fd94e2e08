"""Attributes are capped, declared by those who may, and removed with a preview."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports
from audiences.fields import attributes
from audiences.models import Attribute, Import, Profile, TestProfile
from audiences.profiles import people
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory, TestProfileFactory
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db


def at_most(settings, number):
    settings.SINETE = settings.SINETE | {"attributes_most": number}


# -- who declares, and how many -----------------------------------------------------------------------------


@pytest.mark.parametrize("role", ["import", "prepare", "start", "approve", "export"])
def test_no_other_role_declares(role):
    with pytest.raises(NotAllowed):
        attributes.declare_one(name="points", label="", kind="text", by=UserFactory(roles={role: root()}))
    assert not Attribute.objects.exists()


def test_an_administrator_of_one_unit_declares_nothing_for_the_whole_installation():
    with pytest.raises(NotAllowed):
        attributes.declare_one(
            name="points", label="", kind="text", by=UserFactory(roles={"administration": UnitFactory()})
        )


def test_an_attribute_is_declared_and_the_trail_knows(declarer):
    made = attributes.declare_one(name="points", label="Points", kind="number", by=declarer)

    assert Attribute.objects.get() == made
    assert AuditEvent.objects.get(action="declare_attribute").actor == declarer


@pytest.mark.parametrize("name", ["email", "unit", "no_email", "birth_date"])
def test_what_a_profile_has_by_itself_is_no_name_for_an_attribute(declarer, name):
    with pytest.raises(attributes.NameTaken):
        attributes.declare_one(name=name, label="", kind="text", by=declarer)


@pytest.mark.parametrize("name", ["", "Points", "1st", "with space", "a" * 65, "x\0"])
def test_a_name_that_no_content_could_write_is_refused(declarer, name):
    with pytest.raises(attributes.BadName):
        attributes.declare_one(name=name, label="L", kind="text", by=declarer)


def test_the_next_one_beyond_the_limit_is_refused_and_named(declarer, settings):
    at_most(settings, 1)
    attributes.declare_one(name="points", label="Points", kind="number", by=declarer)

    with pytest.raises(attributes.TooManyAttributes, match=r"1 attributes of at most 1.*: stars"):
        attributes.declare_one(name="stars", label="Stars", kind="number", by=declarer)
    assert Attribute.objects.count() == 1


def test_a_file_beyond_the_limit_changes_nothing_and_its_columns_are_named(bring, declarer, settings):
    at_most(settings, 2)

    importing = bring("email,Points,Stars,Last order\na@example.com,1,2,3\n", by=declarer)

    assert (importing.status, Profile.objects.count(), Attribute.objects.count()) == ("refused", 0, 0)
    problem = importing.problems.get()
    assert "0 attributes of at most 2" in problem.text
    assert "These columns are beyond it: Last order." in problem.text
    assert importing.detected["unknown"] == ["Points", "Stars", "Last order"]


def test_an_importer_who_may_not_declare_reads_who_may(bring, declarer):
    importer = UserFactory(roles={"import": root()})

    importing = bring("email,points\na@example.com,1\n", by=importer)

    assert (importing.status, Profile.objects.count(), Attribute.objects.count()) == ("refused", 0, 0)
    assert (
        "for these columns: points. Attributes are declared by: Dora Clare." in importing.problems.get().text
    )


def test_an_importer_uses_what_is_declared(bring):
    AttributeFactory(name="points", kind=Attribute.Kind.NUMBER)

    importing = bring("email,points\na@example.com,1\n", by=UserFactory(roles={"import": root()}))

    assert importing.status == "done"
    assert Profile.objects.get().attributes == {"points": 1}


def test_an_import_fills_no_attribute_that_was_removed_meanwhile(bring, declarer, monkeypatch):
    AttributeFactory(name="points")
    stage = imports.execution._Run._stage

    def removed_meanwhile(self, *args):
        attributes.remove(attribute=Attribute.objects.get(), by=declarer, confirmed="points")
        return stage(self, *args)

    monkeypatch.setattr(imports.execution._Run, "_stage", removed_meanwhile)

    with pytest.raises(attributes.Undeclared):
        bring("email,points\na@example.com,1\n", by=declarer)
    assert Import.objects.get().status == "refused"
    assert not Profile.objects.exists()


def test_the_form_of_an_import_names_who_declares_to_whoever_may_not(client, declarer):
    client.force_login(UserFactory(roles={"import": root()}))
    page = client.get(reverse("audiences:imports")).content.decode()
    client.force_login(declarer)
    of_the_declarer = client.get(reverse("audiences:imports")).content.decode()

    assert "Attributes are declared by: Dora Clare." in page
    assert "Attributes are declared by" not in of_the_declarer


@pytest.mark.parametrize("verb", ["create", "change"])
def test_no_profile_is_given_an_undeclared_value(verb, declarer):
    values = {"first_name": "Ana", "attributes": {"hidden": "x"}}

    with pytest.raises(attributes.Undeclared, match="hidden"):
        if verb == "create":
            people.create(values=values, unit=root(), by=declarer)
        else:
            people.change(profile=ProfileFactory(), values=values, by=declarer)


# -- removal --------------------------------------------------------------------------------------------------


def test_what_is_lost_is_counted_before_it_is_lost(declarer):
    attribute = AttributeFactory(name="points")
    ProfileFactory(attributes={"points": 1, "stars": 2})
    ProfileFactory(attributes={"stars": 2})
    TestProfileFactory(values={"points": 1})

    found = attributes.loss(attribute, declarer)
    lost = attributes.remove(attribute=attribute, by=declarer, confirmed="points")

    assert found == lost
    assert (lost.profiles, lost.test_profiles, lost.uses) == (1, 1, [])
    assert [profile.attributes for profile in Profile.objects.order_by("pk")] == [{"stars": 2}, {"stars": 2}]
    assert TestProfile.objects.get().values == {}
    event = AuditEvent.objects.get(action="remove_attribute")
    assert (event.actor, event.detail["name"], event.detail["profiles"]) == (declarer, "points", 1)


def test_an_attribute_declared_anew_brings_no_old_value_back(declarer):
    ProfileFactory(attributes={"points": 1})
    attributes.remove(attribute=AttributeFactory(name="points"), by=declarer, confirmed="points")

    attributes.declare_one(name="points", label="", kind="number", by=declarer)

    assert not Profile.objects.filter(attributes__has_key="points").exists()


@pytest.mark.parametrize("confirmed", ["", "point", "yes"])
def test_nothing_goes_before_its_name_is_written(declarer, confirmed):
    with pytest.raises(attributes.NotConfirmed):
        attributes.remove(attribute=AttributeFactory(name="points"), by=declarer, confirmed=confirmed)
    assert Attribute.objects.exists()


def test_only_who_declares_removes():
    with pytest.raises(NotAllowed):
        attributes.remove(
            attribute=AttributeFactory(name="points"),
            by=UserFactory(roles={"import": root()}),
            confirmed="points",
        )


def test_what_an_audience_asks_for_stays(declarer):
    attribute = AttributeFactory(name="points")
    leaf = {"field": "points", "is": "not_empty"}
    AudienceFactory(label="Deep", rule={"all": [{"not": {"any": [leaf, {"field": "city", "is": "empty"}]}}]})
    AudienceFactory(label="Other", rule={"field": "city", "is": "equal", "value": "points"})

    with pytest.raises(attributes.StillUsed, match="1 of units that you can't read"):
        attributes.remove(attribute=attribute, by=declarer_alone(), confirmed="points")
    with pytest.raises(attributes.StillUsed, match="audiences: “Deep”"):
        attributes.remove(attribute=attribute, by=declarer, confirmed="points")


def declarer_alone():
    """Who declares, and sees nobody's audiences."""
    return UserFactory(roles={"attributes": root()})


@pytest.mark.parametrize(
    ("part", "text", "is_used"),
    [
        ("html", "<p>{{ profile.points }}</p><a href='{{ unsubscribe_url }}'>x</a>", True),
        ("subject", "{{profile . points|default('none')}}", True),
        ("html", "{% if profile.points > 3 %}x{% endif %}<a href='{{ unsubscribe_url }}'>x</a>", True),
        ("subject", "{{ profile.points_of_last_year }} points", False),
        ("subject", "profile and points", False),
    ],
)
def test_what_a_delivery_writes_stays(declarer, part, text, is_used):
    attribute = AttributeFactory(name="points")
    DeliveryFactory(label="Spring", content={part: text})

    uses = [str(use) for use in attributes.loss(attribute, declarer).uses]

    assert uses == (["deliveries: “Spring”"] if is_used else [])


def test_what_is_over_keeps_no_attribute(declarer):
    attribute = AttributeFactory(name="points")
    DeliveryFactory(stopped=True, content={"subject": "{{ profile.points|default('') }}"})

    assert attributes.loss(attribute, declarer).uses == []


def test_the_page_shows_what_is_lost_and_asks_for_the_name(client, declarer):
    client.force_login(declarer)
    attribute = AttributeFactory(name="points")
    ProfileFactory(attributes={"points": 1})
    url = reverse("audiences:attribute-remove", args=[attribute.pk])

    page = client.get(url).content.decode()
    refused = client.post(url, {"confirmed": "no"})
    there = Attribute.objects.exists()
    client.post(url, {"confirmed": "points"})

    assert "1 profile has a value" in page
    assert (refused.status_code, there) == (409, True)
    assert not Attribute.objects.exists()


def test_the_page_declares(client, declarer):
    client.force_login(declarer)
    url = reverse("audiences:attributes")

    client.post(url, {"name": "points", "label": "Points", "kind": "number"})
    taken = client.post(url, {"name": "email", "label": "Mail", "kind": "text"}).content.decode()

    assert list(Attribute.objects.values_list("name", flat=True)) == ["points"]
    assert "“email” is there already" in taken
    assert "1 of at most 200" in taken


def test_the_pages_refuse_who_may_not(client):
    client.force_login(UserFactory(roles={"import": root()}))
    attribute = AttributeFactory(name="points")
    listing, remove = (
        reverse("audiences:attributes"),
        reverse("audiences:attribute-remove", args=[attribute.pk]),
    )

    assert client.get(listing).status_code == 200
    assert client.post(listing, {"name": "x", "label": "x", "kind": "text"}).status_code == 403
    assert client.get(remove).status_code == 403
    assert client.post(remove, {"confirmed": "points"}).status_code == 403


def test_the_desk_declares_and_removes(client):
    client.force_login(UserFactory(is_staff=True, roles={"administration": root()}))
    url = "/admin/audiences/attribute/"

    client.post(f"{url}add/", {"name": "points", "label": "Points", "kind": "number"})
    attribute = Attribute.objects.get()
    client.post(f"{url}{attribute.pk}/change/", {"label": "Stars"})
    page = client.get(f"{url}{attribute.pk}/remove/")
    label = Attribute.objects.get().label
    client.post(f"{url}{attribute.pk}/remove/", {"confirmed": "points"})

    assert label == "Stars"
    assert "0 profiles have a value" in page.content.decode()
    assert not Attribute.objects.exists()


def test_the_desk_refuses_who_may_not(client):
    client.force_login(UserFactory(is_staff=True, roles={"import": root()}))
    attribute = AttributeFactory(name="points")

    answer = client.post(f"/admin/audiences/attribute/{attribute.pk}/remove/", {"confirmed": "points"})

    assert answer.status_code == 403
    assert Attribute.objects.exists()


def test_the_commands_declare_list_and_remove(declarer):
    def command(*args):
        out = StringIO()
        call_command(*args, "--as", declarer.username, "--json", stdout=out)
        return json.loads(out.getvalue())

    declared = command("declare_attribute", "points", "--kind", "number")
    ProfileFactory(attributes={"points": 1})
    listed = command("list_attributes")
    shown = command("remove_attribute", "points")
    removed = command("remove_attribute", "points", "--confirm", "points")

    assert (declared["name"], declared["room"]) == ("points", 199)
    assert [row["name"] for row in listed["attributes"]] == ["points"]
    assert (shown["removed"], shown["profiles"]) == (False, 1)
    assert (removed["removed"], removed["profiles"]) == (True, 1)
    assert not Attribute.objects.exists()


def test_the_command_refuses_who_may_not():
    AttributeFactory(name="points")
    importer = UserFactory(roles={"import": root()})

    with pytest.raises(CommandError):
        call_command("remove_attribute", "points", "--as", importer.username)


def test_a_page_that_was_open_meanwhile_brings_no_removed_value_back(declarer):
    attribute = AttributeFactory(name="points")
    as_opened = ProfileFactory(attributes={"points": 1})
    attributes.remove(attribute=attribute, by=declarer, confirmed="points")

    with pytest.raises(attributes.Undeclared):
        people.change(profile=as_opened, values={"attributes": {"points": 2}}, by=declarer)
    assert Profile.objects.get().attributes == {}
