"""Several lists and rules as one audience: with these, without those, each and the whole counted."""

import json
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience
from audiences.rules import rules, targeting
from audiences.rules.tests.rule_trees import leaf
from audiences.targets import combining, definitions
from audiences.targets.combining import Part
from audiences.tests.factories import AudienceFactory, ProfileFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def marketer(unit, client):
    user = UserFactory(roles={"prepare": unit})
    client.force_login(user)
    return user


@pytest.fixture
def three(unit):
    """Of Recife two, a list of one of them and somebody of Olinda, a list of the other of Recife."""
    ana, bia = (ProfileFactory(unit=unit, city="Recife") for _ in range(2))
    caio = ProfileFactory(unit=unit, city="Olinda")
    return [
        AudienceFactory(unit=unit, label="Recife", rule=leaf("city", "equal", "Recife")),
        AudienceFactory(unit=unit, label="Guests", members=[ana, caio]),
        AudienceFactory(unit=unit, label="Staff", members=[bia]),
    ]


def test_whoever_is_in_one_of_these_and_none_of_those(unit, marketer, three):
    recife, guests, staff = three

    made = combining.make(
        parts=[Part(recife), Part(guests), Part(staff, without=True)], label="", unit=unit, by=marketer
    )

    assert made.label == "Recife + Guests − Staff"
    assert rules.in_words(made.rule) == (
        "(in the audience “Recife” or in the audience “Guests”) and not (in the audience “Staff”)"
    )
    assert targeting.count(made) == 2
    assert [(part.audience.label, part.without, part.count) for part in combining.parts_of(made)] == [
        ("Recife", False, 2), ("Guests", False, 2), ("Staff", True, 1),
    ]  # fmt: skip
    assert targeting.named_by(made) == three


def test_the_page_counts_each_and_the_whole_and_saves(client, unit, marketer, three):
    chosen = {f"audience-{row}": three[row].pk for row in range(3)} | {"how-2": "without", "unit": unit.pk}
    url = reverse("audiences:combine")

    counted = client.post(url, chosen | {"do": "count"})
    nobody = client.post(url, {"how-0": "without", "audience-0": three[0].pk, "unit": unit.pk, "do": "save"})
    saved = client.post(url, chosen | {"do": "save", "label": "All of them"}, follow=True)

    assert [part.count for part in counted.context["parts"]] == [2, 2, 1]
    assert counted.context["whole"] == 2
    assert "Choose at least one list or rule" in nobody.content.decode()
    assert "All of them" in saved.content.decode()
    assert [part.count for part in saved.context["parts"]] == [2, 2, 1]


def test_nobody_names_or_counts_what_they_may_not_see(client, unit, marketer, three):
    hidden = AudienceFactory(unit=UnitFactory(), label="Secret")
    below = AudienceFactory(unit=UnitFactory(parent=unit))

    page = client.post(
        reverse("audiences:combine"), {"audience-0": hidden.pk, "unit": unit.pk, "do": "count"}
    )
    for other in (hidden, below):
        with pytest.raises(definitions.NotToBeNamed):
            combining.make(parts=[Part(other)], label="", unit=unit, by=marketer)

    guessed = client.post(
        reverse("audiences:preview"),
        {"g0r0-field": "@audience", "g0r0-is": "in_audience", "g0r0-value": hidden.pk, "unit": unit.pk},
    )

    assert page.context["parts"] == []
    assert "Secret" not in page.content.decode()
    assert "is gone" in guessed.content.decode()
    assert "count" not in guessed.context


def test_audiences_never_go_round_in_a_circle_and_stay_while_they_are_named(unit, marketer, three):
    recife = three[0]
    made = combining.make(parts=[Part(recife)], label="", unit=unit, by=marketer)

    with pytest.raises(definitions.NotToBeNamed):
        definitions.change(audience=recife, by=marketer, label="Recife", rule=made.rule | {"value": made.pk})
    with pytest.raises(definitions.Named, match="Recife"):
        definitions.delete(audience=recife, by=marketer)
    definitions.delete(audience=made, by=marketer)
    definitions.delete(audience=recife, by=marketer)


def test_a_rule_that_names_too_much_costs_no_more_than_it_may(
    unit, marketer, three, django_assert_max_num_queries
):
    leaf_of = combining.rule_of([Part(three[0])])
    wide = definitions.create_rule(label="W", rule={"any": [leaf_of] * 60}, unit=unit, by=marketer)

    with django_assert_max_num_queries(12), pytest.raises(definitions.NotToBeNamed):
        definitions.create_rule(
            label="V", rule={"any": [leaf_of | {"value": wide.pk}] * 60}, unit=unit, by=marketer
        )


def test_what_is_gone_all_the_same_is_said_and_nobody_is_written_to(unit, marketer, three, client):
    made = combining.make(parts=[Part(three[1])], label="", unit=unit, by=marketer)
    Audience.objects.filter(pk=three[1].pk).delete()

    page = client.get(reverse("audiences:audience", args=[made.pk]))

    assert "is gone" in page.content.decode()
    with pytest.raises(rules.RuleError):
        targeting.count(made)


def test_the_desk_combines_too(unit, marketer, three, client):
    marketer.is_staff = True
    marketer.save()

    client.post(
        "/admin/audiences/audience/add/",
        {
            "label": "Desk",
            "unit": unit.pk,
            "kind": "rule",
            "rule": "{}",
            "taken": [three[0].pk],
            "left_out": [three[2].pk],
        },
    )

    assert targeting.count(Audience.objects.get(label="Desk")) == 1


def test_the_command_takes_labels(unit, marketer, three, tmp_path):
    file, out = tmp_path / "a.json", StringIO()
    file.write_text(
        json.dumps({"label": "A", "unit": unit.pk, "with": ["Recife", three[1].pk], "without": ["Staff"]})
    )

    call_command("create_audience", str(file), "--as", marketer.username, "--json", stdout=out)

    told = json.loads(out.getvalue())
    assert (told["count"], [part["count"] for part in told["parts"]]) == (2, [2, 2, 1])
