"""Nothing must be known by heart: stored values with names and counts, and no complaint of what was only just chosen."""

from datetime import UTC, date, datetime

import pytest
from django.urls import reverse
from django.utils import translation

from accounts.tests.factories import UnitFactory, UserFactory
from audiences.fields import value_names
from audiences.models import Audience
from audiences.rules import rules, stored_values, targeting
from audiences.rules.tests.rule_trees import KNOWN, leaf
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory
from campaign.lib import clock


@pytest.mark.parametrize(
    ("field", "code", "english", "portuguese"),
    [
        ("country", "BR", "Brazil (BR)", "Brasil (BR)"),
        ("country", "de", "Germany (de)", "Alemanha (de)"),
        ("language", "pt-BR", "Portuguese (pt-BR)", "Português (pt-BR)"),
        ("time_zone", "America/Sao_Paulo", "America/Sao Paulo", "America/Sao Paulo"),
        ("country", "Brasilien", "Brasilien", "Brasilien"),
        ("city", "BR", "BR", "BR"),
    ],
)
def test_a_code_is_shown_by_its_name_and_a_name_means_its_code(field, code, english, portuguese):
    for language, shown in (("en", english), ("pt-br", portuguese)):
        with translation.override(language):
            assert value_names.shown(field, code) == shown
            assert value_names.code_of(field, shown, stored={code}) == code
            assert value_names.code_of(field, shown) in (code, code.upper())


@pytest.mark.parametrize("typed", ["Brazil", "brasil", " BRAZIL ", "Brazil (BR)", "Brasil (BR)", "BR"])
def test_a_name_of_any_language_of_ours_is_understood(typed):
    assert value_names.code_of("country", typed) == "BR"


def test_what_is_stored_as_a_name_stays_one():
    assert value_names.code_of("country", "Brazil", stored={"Brazil", "BR"}) == "Brazil"


def test_a_rule_names_a_country_and_stores_its_code():
    assert rules.in_words(leaf("country", "equal", "BR"), known=KNOWN) == "Country is “Brazil”"
    assert rules.in_words(leaf("country", "begins_with", "B"), known=KNOWN) == "Country begins with “B”"


@pytest.fixture
def marketer(unit, client):
    user = UserFactory(roles={"prepare": unit})
    client.force_login(user)
    return user


def test_the_values_are_those_of_the_people_one_may_see_the_most_frequent_first(unit, marketer):
    ProfileFactory.create_batch(2, unit=unit, country="BR", attributes={"segment": "vip"})
    ProfileFactory(unit=unit, country="PT", attributes={"segment": "x" * 200})
    ProfileFactory(unit=UnitFactory(), country="AR", attributes={"segment": "secret"})
    AttributeFactory(name="segment")
    known = rules.known_fields()

    def values(name):
        return [(one.shown, one.number) for one in stored_values.of(known[name], user=marketer, unit=unit)]

    assert values("country") == [("Brazil (BR)", 2), ("Portugal (PT)", 1)]
    assert values("segment") == [("vip", 2)]
    assert values("email") == values("birth_date") == []


def test_the_page_offers_values_and_saves_codes(client, unit, marketer):
    ProfileFactory.create_batch(2, unit=unit, country="BR")
    ProfileFactory(unit=unit, country="PT")
    row = {"g0r0-field": "country", "unit": unit.pk}
    builder, preview, create = (reverse(f"audiences:{name}") for name in ("builder", "preview", "create"))

    just_chosen = client.post(preview, row).content.decode()
    offered = client.post(builder, row | {"g0r0-is": "equal"}).content.decode()
    ticked = {"g0r0-is": "one_of", "g0r0-pick": ["BR"], "g0r0-value": "Portugal"}
    counted = client.post(preview, row | ticked)
    client.post(create, row | ticked | {"label": "Both", "do": "save"})
    listed = client.post(builder, row | ticked).content.decode()

    assert "callout" not in just_chosen
    assert "Choose or type a value" in just_chosen
    assert 'value="Brazil (BR)" label="Brazil (BR) · 2"' in offered
    assert (counted.context["count"], counted.context["words"]) == (
        3,
        "Country is one of “Brazil”, “Portugal”",
    )
    assert Audience.objects.get().rule == leaf("country", "one_of", ["BR", "PT"])
    assert listed.count("checked") == 2


def test_what_is_finished_is_counted_and_the_rest_waits(client, unit, marketer):
    ProfileFactory(unit=unit, city="Recife")
    AudienceFactory(unit=unit, label="Other")
    rows = {"g0r0-field": "city", "g0r0-is": "equal", "g0r0-value": "recife", "g0r1-field": "points"}
    AttributeFactory(name="points", kind="number")

    said = client.post(reverse("audiences:preview"), rows | {"unit": unit.pk})
    audience = client.post(
        reverse("audiences:builder"), {"g0r0-field": "@audience", "unit": unit.pk}
    ).content.decode()
    wrong = client.post(reverse("audiences:preview"), rows | {"g0r1-value": "many", "unit": unit.pk})

    assert (said.context["count"], said.context["unfinished"]) == (1, 1)
    assert "One condition has no value yet" in said.content.decode()
    assert ">Other</option>" in audience
    assert "not a number" in wrong.content.decode()


def test_29_february_is_kept_on_the_28th(db):
    ProfileFactory(birth_date="2000-02-29", external_id="leap")
    ProfileFactory(birth_date="1999-03-01", external_id="march", attributes={"since": "2004-02-29"})
    ProfileFactory(birth_date=None, external_id="none", attributes={"since": ""})
    AttributeFactory(name="since", kind="date")

    def found(day, rule):
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        with clock.shifted(noon - clock.now()):
            rows = targeting.profiles(AudienceFactory(rule=rule)).order_by("pk")
            return list(rows.values_list("external_id", flat=True))

    assert found(date(2027, 2, 28), leaf("birth_date", "anniversary_today")) == ["leap"]
    assert found(date(2027, 2, 28), leaf("birth_date", "anniversary_next_days", 1)) == ["leap", "march"]
    assert found(date(2027, 2, 28), leaf("since", "anniversary_today")) == ["march"]
    assert found(date(2028, 2, 28), leaf("birth_date", "anniversary_today")) == []
    assert found(date(2028, 12, 31), leaf("birth_date", "anniversary_next_days", 59)) == ["leap"]
    assert found(date(2028, 2, 3), leaf("birth_date", "anniversary_this_month")) == ["leap"]
    assert found(date(2028, 2, 3), leaf("birth_date", "empty")) == ["none"]
    assert found(date(2028, 2, 3), leaf("since", "empty")) == ["leap", "none"]
