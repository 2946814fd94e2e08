"""No page, form or file breaks, however many attributes there are."""

import pytest
from django.conf import settings as django_settings
from django.urls import reverse

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences.fields import fields
from audiences.forms.rule_form import from_post, from_rule
from audiences.models import Attribute
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory, TestProfileFactory
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db
FLOOD = 3_000


def flood(number=FLOOD):
    Attribute.objects.bulk_create(Attribute(name=f"zz{n}", label=f"Flood {n}") for n in range(number))


def test_a_flood_of_columns_is_named_shortly(bring, declarer):
    columns = ",".join(f"zz{n}" for n in range(FLOOD))

    importing = bring(f"email,{columns}\na@example.com{',1' * FLOOD}\n", by=declarer)

    assert importing.status == "refused"
    assert not Attribute.objects.exists()
    assert "zz200, zz201" in importing.problems.get().text
    assert "2780 more" in importing.problems.get().text


def test_forms_hold_so_many_attributes_at_most_those_in_use_first():
    flood()
    AttributeFactory(name="points")
    ProfileFactory(attributes={"zz2999": "x", "points": "y"})

    shown = [field.name for field in fields.shown(["zz1500"]) if not field.column]

    assert len(shown) == fields.MOST_SHOWN
    assert {"zz1500", "zz2999", "points"} <= set(shown)


def test_a_flooded_installation_edits_profiles_and_keeps_what_is_not_shown(client):
    flood()
    profile = ProfileFactory(attributes={f"zz{n}": str(n) for n in range(500)})
    client.force_login(UserFactory(roles={"import": root()}))
    url = reverse("audiences:profile-edit", args=[profile.pk])

    form = client.get(url).context["form"]
    sent = {name: "" if value is None else value for name, value in form.initial.items()}
    answer = client.post(url, sent | {"first_name": "Anna"})

    profile.refresh_from_db()
    assert len(form.fields) < django_settings.DATA_UPLOAD_MAX_NUMBER_FIELDS / 2
    assert "2,800 more attributes are not shown here" in client.get(url).content.decode()
    assert answer.status_code == 302
    assert profile.first_name == "Anna"
    assert profile.attributes == {f"zz{n}": str(n) for n in range(500)}


@pytest.mark.parametrize(
    "name",
    ["audiences:create", "audiences:test-profile-create", "audiences:profile-create", "audiences:attributes"],
)
def test_the_pages_of_a_flooded_installation_stay_small(client, name):
    flood()
    client.force_login(UserFactory(roles={"import": root(), "prepare": root()}))

    assert len(client.get(reverse(name)).content) < 200_000


def test_the_editor_of_a_flooded_installation_stays_small(client):
    flood()
    delivery = DeliveryFactory()
    client.force_login(UserFactory(roles={"prepare": root()}))

    assert len(client.get(reverse("deliveries:content", args=[delivery.pk])).content) < 200_000


def test_a_test_profile_keeps_what_its_form_does_not_show(client):
    flood()
    found = TestProfileFactory(values={f"zz{n}": str(n) for n in range(400)} | {"first_name": "Ana"})
    client.force_login(UserFactory(roles={"prepare": root()}))
    url = reverse("audiences:test-profile-edit", args=[found.pk])

    form = client.get(url).context["form"]
    client.post(url, {name: value for name, value in form.initial.items() if name in form.fields})

    found.refresh_from_db()
    assert found.values == {f"zz{n}": str(n) for n in range(400)} | {"first_name": "Ana"}


def test_the_builder_offers_those_in_use_and_what_the_rule_is_about(client):
    flood()
    audience = AudienceFactory(rule={"field": "zz2999", "is": "not_empty"})
    client.force_login(UserFactory(roles={"prepare": root()}))

    builder = client.get(reverse("audiences:edit", args=[audience.pk])).context["builder"]

    assert "zz2999" in {field.name for field in builder.fields}
    beside = 5  # what the rule is about, membership of another audience and of a service, and two of tracking
    assert len(builder.fields) <= len(fields.COLUMNS) + fields.MOST_SHOWN + beside


def test_a_builder_never_sends_more_fields_than_are_taken():
    known = fields.by_name()
    form = from_rule({}, known)

    for _ in range(30):
        form.act("add-group")
    for group in range(len(form.groups)):
        for _ in range(60):
            form.act(f"add-row-{group}")
    sent = {
        f"g{g}r{r}-{part}": "x" for g, group in enumerate(form.groups) for r, _ in enumerate(group.rows)
        for part in ("field", "is", "value")
    }  # fmt: skip

    assert len(sent) + 3 * len(form.groups) < django_settings.DATA_UPLOAD_MAX_NUMBER_FIELDS
    assert sum(len(group.rows) for group in from_post(sent, known).groups) == 200
