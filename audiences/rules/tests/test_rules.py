from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.tests.factories import UnitFactory
from audiences.models import Attribute, Profile
from audiences.rules import rules, targeting
from audiences.rules.tests.rule_trees import KNOWN, WORDS, days, leaf, numbers, trees
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory
from campaign.lib import clock


def met(rule, profile, today):
    """What a rule means, spelt out without a database."""
    match rule:
        case {"all": parts}:
            return all(met(part, profile, today) for part in parts)
        case {"any": parts}:
            return any(met(part, profile, today) for part in parts)
        case {"not": part}:
            return not met(part, profile, today)
        case {}:
            if not rule:
                return True
    value = KNOWN[rule["field"]].value_of(profile)
    value = value.isoformat() if isinstance(value, date) else value
    empty = value in (None, "")
    asked = rule.get("value")
    fold = lambda text: text.upper() if isinstance(text, str) else text  # noqa: E731  one line says it all
    match rule["is"]:
        case "empty":
            return empty
        case "not_empty":
            return not empty
        case "yes" | "no":
            return value is (rule["is"] == "yes")
        case "not_equal":
            return empty or fold(value) != fold(asked)
        case _ if empty:
            return False
        case "equal":
            return fold(value) == fold(asked)
        case "contains":
            return fold(asked) in fold(value)
        case "begins_with":
            return fold(value).startswith(fold(asked))
        case "one_of":
            return fold(value) in map(fold, asked)
        case "above" | "after":
            return value > asked
        case "below" | "before":
            return value < asked
        case "at_least":
            return value >= asked
        case "at_most":
            return value <= asked
        case "last_days":
            return (today - timedelta(days=asked)).isoformat() < value <= today.isoformat()
        case "next_days":
            return today.isoformat() <= value <= (today + timedelta(days=asked)).isoformat()
        case "this_month":
            return value[:7] == today.isoformat()[:7]
        case "anniversary_this_month":
            return value[5:7] == today.isoformat()[5:7]
        case "anniversary_today":
            return _kept_on(value, today.year) == today
        case "anniversary_next_days":
            kept = [_kept_on(value, today.year + more) for more in (0, 1)]
            return any(today <= day <= today + timedelta(days=asked) for day in kept)


def _kept_on(value, year):
    """When a day comes round in a year; that of 29 February on the 28th where there is no 29th."""
    born = date.fromisoformat(value)
    try:
        return born.replace(year=year)
    except ValueError:
        return date(year, 2, 28)


people = st.lists(
    st.tuples(
        st.sampled_from(WORDS),
        st.none() | days,
        st.fixed_dictionaries(
            {},
            optional={
                "segment": st.sampled_from(WORDS),
                "points": numbers,
                "last_order_on": days,
                "vip": st.booleans(),
            },
        ),
    ),
    min_size=1,
    max_size=6,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rule=trees, people=people)
def test_the_query_finds_whom_the_rule_means(db, rule, people):
    Profile.objects.all().delete()
    made = [ProfileFactory(city=city, birth_date=born, attributes=values) for city, born, values in people]
    today = clock.now().date()

    found = set(Profile.objects.filter(rules.condition(rule, known=KNOWN)).values_list("pk", flat=True))

    for profile in made:
        profile.refresh_from_db()
    assert found == {profile.pk for profile in made if met(rule, profile, today)}


@given(rule=trees)
def test_a_stored_rule_reads_as_itself_and_has_words(rule):
    stored = rules.validated(rule, known=KNOWN)

    assert rules.validated(stored, known=KNOWN) == stored
    assert rules.in_words(stored, known=KNOWN)


def test_a_value_stored_as_another_kind_breaks_no_query(db):
    ProfileFactory(attributes={"points": "many", "last_order_on": 7, "vip": "yes", "segment": 3})
    rule = {"any": [leaf("points", "above", 1), leaf("last_order_on", "last_days", 3), leaf("vip", "yes"),
                    leaf("segment", "equal", "3")]}  # fmt: skip

    assert not Profile.objects.filter(rules.condition(rule, known=KNOWN)).exists()


def test_a_rule_in_plain_words():
    rule = {
        "all": [
            {"any": [leaf("city", "contains", "São"), leaf("points", "above", 500)]},
            {"not": leaf("segment", "one_of", ["new", "lapsed"])},
            leaf("last_order_on", "last_days", 30),
        ]
    }

    assert rules.in_words(rule, known=KNOWN) == (
        "(City contains “São” or Points is above 500) and not (Segment is one of “new”, “lapsed”)"
        " and Last order is in the last 30 days"
    )


@pytest.mark.parametrize(
    ("rule", "place", "reason"),
    [
        ([], "the rule", "a condition or a group"),
        ({"all": {}}, "the rule", "a list"),
        ({"any": []}, "the rule", "nobody"),
        ({"all": [leaf("city", "equal", "x"), leaf("cty", "equal", "x")]}, "all 2", "“cty”"),
        ({"not": {"any": [leaf("city", "above", 3)]}}, "not › any 1", "above"),
        (leaf("points", "above", "many"), "the rule", "not a number"),
        (leaf("points", "above", True), "the rule", "not a number"),
        (leaf("points", "above", "NaN"), "the rule", "not a number"),
        (leaf("birth_date", "before", "31.12.2020"), "the rule", "not a date"),
        (leaf("birth_date", "last_days", 0), "the rule", "number of days"),
        (leaf("city", "one_of", []), "the rule", "a list of texts"),
        (leaf("city", "equal", " "), "the rule", "a text"),
        (leaf("city", "equal"), "the rule", "a text"),
        ({"field": "city", "is": ["x"], "value": "x"}, "the rule", "can't be asked"),
        ({"field": "city"}, "the rule", "neither"),
        ({"all": [], "any": []}, "the rule", "neither"),
    ],
)
def test_a_bad_rule_is_refused_with_its_place(rule, place, reason):
    with pytest.raises(rules.RuleError) as refused:
        rules.validated(rule, known=KNOWN)

    assert place in str(refused.value)
    assert reason in str(refused.value)


def test_a_bottomless_rule_is_refused():
    rule = leaf("city", "equal", "x")
    for _ in range(2000):
        rule = {"not": rule}

    with pytest.raises(rules.RuleError, match="too deep"):
        rules.validated(rule, known=KNOWN)


def test_a_rule_sees_nobody_in_a_parallel_branch(db):
    north, south = UnitFactory(), UnitFactory()
    below = ProfileFactory(unit=UnitFactory(parent=north), city="Recife")
    ProfileFactory(unit=south, city="Recife")
    audience = AudienceFactory(unit=north, rule=leaf("city", "equal", "recife"))

    assert list(targeting.profiles(audience)) == [below]
    assert targeting.count(audience) == 1


def test_a_fixed_list_holds_its_members_of_the_unit(db):
    north = UnitFactory()
    inside, outside = ProfileFactory(unit=north), ProfileFactory()
    audience = AudienceFactory(unit=north, members=[inside, outside])

    assert list(targeting.profiles(audience)) == [inside]


def test_the_sql_of_an_audience_fits_into_a_statement(db):
    from django.db import connection

    AttributeFactory(name="points", kind=Attribute.Kind.NUMBER)
    profile = ProfileFactory(attributes={"points": 7}, city="50%")
    audience = AudienceFactory(rule={"all": [leaf("points", "above", 5), leaf("city", "contains", "%")]})

    sql, params = targeting.profiles(audience).order_by().values("pk").query.sql_with_params()

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT p.email FROM audiences_profile p WHERE p.id IN ({sql})", params)
        assert cursor.fetchall() == [(profile.email,)]


def test_counting_an_audience_asks_the_fields_once(db, django_assert_num_queries):
    audience = AudienceFactory(rule=leaf("city", "equal", "Recife"))

    with django_assert_num_queries(2):
        targeting.count(audience)
