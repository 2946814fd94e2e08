import pytest
from hypothesis import given

from audiences.forms import rule_form
from audiences.rules import rules
from audiences.rules.tests.rule_trees import KNOWN, leaf, trees


def posted(form):
    """What a browser sends of a form."""
    data = {"combine": form.combine}
    for g, group in enumerate(form.groups):
        data[f"g{g}-combine"] = group.combine
        data |= {f"g{g}-not": "1"} if group.negated else {}
        for r, row in enumerate(group.rows):
            data |= {f"g{g}r{r}-field": row.field, f"g{g}r{r}-is": row.code, f"g{g}r{r}-value": row.value}
    return data


@given(rule=trees)
def test_what_the_form_shows_it_says_again(rule):
    stored = rules.validated(rule, known=KNOWN)
    try:
        form = rule_form.from_rule(stored, KNOWN)
    except rule_form.TooDeep:
        return

    said = rule_form.from_post(posted(form), KNOWN).rule()

    assert rules.in_words(said, known=KNOWN) == rules.in_words(_simple(stored), known=KNOWN)


def _simple(rule):
    """Groups of one are the one."""
    match rule:
        case {"all": [part]} | {"any": [part]}:
            return _simple(part)
        case {"all": []}:
            return {}
        case {"all": parts}:
            return {"all": [_simple(part) for part in parts]}
        case {"any": parts}:
            return {"any": [_simple(part) for part in parts]}
        case {"not": part}:
            return {"not": _simple(part)}
    return rule


def test_groups_side_by_side_each_with_its_own_way():
    rule = {
        "any": [
            {"all": [leaf("city", "equal", "Recife"), leaf("points", "above", 5)]},
            {"not": leaf("vip", "yes")},
        ]
    }

    form = rule_form.from_rule(rule, KNOWN)

    assert (form.combine, len(form.groups)) == ("any", 2)
    assert (form.groups[0].combine, form.groups[1].negated) == ("all", True)
    assert rules.validated(form.rule(), known=KNOWN) == rule


def test_a_rule_nested_deeper_is_not_shown():
    deep = {"all": [{"any": [{"not": {"any": [{"all": [leaf("vip", "yes")]}]}}, leaf("vip", "no")]}]}

    with pytest.raises(rule_form.TooDeep):
        rule_form.from_rule(deep, KNOWN)


def test_another_field_takes_an_operator_that_it_knows():
    row = rule_form.ConditionRow(KNOWN, "points", "begins_with", "3")

    assert (row.operator.code, row.takes) == ("equal", "number")


@pytest.mark.parametrize(
    ("action", "groups"),
    [
        ("add-row-0", [2]),
        ("add-group", [1, 1]),
        ("remove-row-0-0", [1]),
        ("remove-group-0", [1]),
        ("remove-group-7", [1]),
        ("remove-row-0-9", [1]),
        ("nonsense", [1]),
        ("add-row-x", [1]),
    ],
)
def test_the_buttons_change_the_form(action, groups):
    form = rule_form.from_rule(leaf("vip", "yes"), KNOWN)

    form.act(action)

    assert [len(group.rows) for group in form.groups] == groups
