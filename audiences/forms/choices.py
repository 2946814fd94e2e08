"""What the form of a rule offers: the stored values of its fields, with names, other audiences, and services."""

from accounts import access
from accounts.models import OrganizationalUnit, User
from audiences.fields import value_names
from audiences.forms.rule_form import ConditionRow, RuleForm
from audiences.models import Audience, Service
from audiences.rules import rules, stored_values

MOST_AUDIENCES = 500
MOST_FIELDS = 10  # whose values are counted for one form


def offer(
    form: RuleForm,
    *,
    user: User,
    unit: OrganizationalUnit | None,
    aside: Audience | None = None,
    only_names: bool = False,
) -> None:
    """Give the form the values of its fields and the audiences that it may name; what was typed becomes the code.

    With `only_names` only the values are looked up without which a name would not be known from a code.
    """
    asked = list(dict.fromkeys(row.field for row in form.rows if row.field in form.known))
    for name in [name for name in asked if not only_names or name in value_names.NAMED][:MOST_FIELDS]:
        found = stored_values.of(form.known[name], user=user, unit=unit)
        if found:
            form.values[name] = found
    for row in form.rows:
        row.stored = form.values.get(row.field, ())
        row.value = _coded(row)
    if rules.AUDIENCE_FIELD.name in asked:
        form.audiences = named(user, unit, aside=aside)
    if rules.SERVICE_FIELD.name in asked:
        form.services = services(user, unit)


def named(
    user: User, unit: OrganizationalUnit | None, *, aside: Audience | None = None
) -> list[tuple[int, str]]:
    """Id and label of the audiences that one of this unit may name: its own, and those of the units above."""
    rows = access.visible(user, Audience.objects.all())
    if unit is not None:
        rows = rows.filter(unit__in=unit.lineage)
    if aside is not None:
        rows = rows.exclude(pk=aside.pk)
    return list(rows.order_by("label", "pk").values_list("pk", "label")[:MOST_AUDIENCES])


def services(user: User, unit: OrganizationalUnit | None) -> list[tuple[int, str]]:
    """Id and label of the services that a rule of this unit may ask about."""
    rows = access.visible(user, Service.objects.all())
    if unit is not None:
        rows = rows.filter(unit__in=unit.lineage)
    return list(rows.order_by("label", "pk").values_list("pk", "label")[:MOST_AUDIENCES])


def _coded(row: ConditionRow) -> str:
    """The value with codes in place of names, where it is compared as a whole."""
    if row.operator is None or row.operator.code not in rules.WHOLE_VALUES:
        return row.value
    stored = {one.value for one in row.stored}
    if row.takes == "texts":
        return ", ".join(value_names.code_of(row.field, word, stored=stored) for word in row.values)
    if row.takes == "text" and row.value.strip():
        return value_names.code_of(row.field, row.value, stored=stored)
    return row.value
