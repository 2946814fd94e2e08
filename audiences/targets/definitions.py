"""Create, change and delete what deliveries aim at: audiences by rule, fixed lists, test profiles."""

from typing import Any

from django.db import transaction
from django.db.models import BooleanField, Func, ProtectedError, QuerySet, Value
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences import addresses
from audiences.fields import attributes, fields
from audiences.models import AddressState, Audience, AudienceMember, Profile, TestProfile
from audiences.rules import rules, sizes, targeting
from audiences.services import definitions as services
from campaign.lib.refusals import Refusal

MOST_PASTED = 100_000


class NoLabel(Refusal):
    message = _("An audience needs a label.")
    code = "no_label"


class InUse(Refusal):
    message = _("“%(audience)s” is the target of deliveries, so it can't be deleted.")
    code = "in_use"


class Named(Refusal):
    message = _("“%(audience)s” is named by the rules of other audiences, so it can't be deleted: %(by)s")
    code = "named_by_audiences"


class NotToBeNamed(Refusal):
    message = _(
        "The rule names an audience that is gone, belongs to a unit that is not this one or one above, names it in "
        "turn, or is nested too deep."
    )
    code = "audience_not_to_be_named"


class ServiceNotToBeAsked(Refusal):
    message = _("The rule asks about a service that belongs to a unit that is not this one or one above.")
    code = "service_not_to_be_asked"


class OtherKind(Refusal):
    message = _("“%(audience)s” is not a %(kind)s.")
    code = "other_kind"


class NoProofAddress(Refusal):
    message = _("“%(address)s” is no email address.")
    code = "not_an_address"


@transaction.atomic
def create_rule(
    *, label: str, rule: rules.Rule, unit: OrganizationalUnit, by: User, description: str = ""
) -> Audience:
    """An audience by rule, counted afresh at each use."""
    access.require(by, Right.PREPARE, unit)
    checked = rules.validated(rule)
    _check_named(checked, unit)
    return _create(label, unit, by, description, kind=Audience.Kind.RULE, rule=checked)


def _check_named(rule: rules.Rule, unit: OrganizationalUnit, audience: Audience | None = None) -> None:
    """Raise where not everybody who reads the unit may read what the rule names, or there is a circle.

    NotToBeNamed for audiences, ServiceNotToBeAsked for services.
    """
    asked = rules.named_services(rule)
    if asked and services.offered(unit).filter(pk__in=asked).count() < len(asked):
        raise ServiceNotToBeAsked()
    named = rules.named_audiences(rule)
    if not named:
        return
    found = Audience.objects.select_for_update(of=("self",), no_key=True).filter(
        pk__in=named, unit__in=unit.lineage
    )
    if len(found) < len(named):
        raise NotToBeNamed()
    path = (audience.pk,) if audience is not None else ()
    try:
        targeting.condition(rule, path=path)
    except rules.RuleError:
        raise NotToBeNamed() from None


@transaction.atomic
def create_list(
    *, label: str, unit: OrganizationalUnit, by: User, pasted: str = "", description: str = ""
) -> tuple[Audience, list[str]]:
    """A fixed list of the profiles whose ids or addresses were pasted; and what nobody is known by."""
    audience = _create(label, unit, by, description, kind=Audience.Kind.LIST, rule={})
    return audience, _add(audience, pasted)


def _create(label: str, unit: OrganizationalUnit, by: User, description: str, **values: Any) -> Audience:
    access.require(by, Right.PREPARE, unit)
    if not label.strip():
        raise NoLabel()
    audience = Audience.objects.create(
        label=label.strip()[:128], description=description, unit=unit, created_by=by, **values
    )
    audit.record("create_audience", by=by, target=audience, kind=audience.kind, rule=audience.rule)
    return audience


@transaction.atomic
def change(
    *, audience: Audience, by: User, label: str, description: str = "", rule: rules.Rule | None = None
) -> Audience:
    """Give the audience the label, and the rule where one is given.

    Raise NoLabel for an empty label, and OtherKind for the rule of a fixed list.
    """
    audience = Audience.objects.select_for_update().get(pk=audience.pk)
    access.require(by, Right.PREPARE, audience)
    if not label.strip():
        raise NoLabel()
    before = {"label": audience.label, "rule": audience.rule}
    if rule is not None:
        if audience.kind != Audience.Kind.RULE:
            raise OtherKind(audience=audience.label, kind=Audience.Kind.RULE.label)
        audience.rule = rules.validated(rule)
        _check_named(audience.rule, audience.unit, audience)
    audience.label, audience.description = label.strip()[:128], description
    audience.save(update_fields=["label", "description", "rule", "changed_at"])
    sizes.forget(audience.pk)
    audit.record("change_audience", by=by, target=audience, before=before, rule=audience.rule)
    return audience


@transaction.atomic
def add_members(*, audience: Audience, pasted: str, by: User) -> list[str]:
    """Add the profiles whose ids or addresses were pasted; return what nobody is known by.

    Raise OtherKind where the audience is no fixed list.
    """
    access.require(by, Right.PREPARE, audience)
    if audience.kind != Audience.Kind.LIST:
        raise OtherKind(audience=audience.label, kind=Audience.Kind.LIST.label)
    before = audience.members.count()
    unknown = _add(audience, pasted)
    sizes.forget(audience.pk)
    audit.record("add_members", by=by, target=audience, added=audience.members.count() - before)
    return unknown


@transaction.atomic
def remove_member(*, audience: Audience, profile: Profile, by: User) -> None:
    """Take the profile out of the list, if it is in it."""
    access.require(by, Right.PREPARE, audience)
    audience.members.filter(profile=profile).delete()
    sizes.forget(audience.pk)
    audit.record("remove_member", by=by, target=audience, profile=profile.pk)


@transaction.atomic
def delete(*, audience: Audience, by: User) -> None:
    """Delete the audience; its profiles stay.

    Raise InUse while a delivery aims at it, and Named while the rule of another audience names it.
    """
    access.require(by, Right.PREPARE, audience)
    list(Audience.objects.select_for_update().filter(pk=audience.pk).values_list("pk"))
    if naming := list(_naming(audience).values_list("label", flat=True)[:5]):
        raise Named(audience=audience.label, by=", ".join(f"“{label}”" for label in naming))
    audit.record("delete_audience", by=by, target=audience, rule=audience.rule)
    try:
        audience.delete()
    except ProtectedError:
        raise InUse(audience=audience.label) from None


def _naming(audience: Audience) -> QuerySet[Audience]:
    """The audiences whose rules name this one."""
    asks: Any = Func(
        Value(rules.AUDIENCE_FIELD.name),
        Value(audience.pk),
        template="jsonb_path_exists(rule, '$.** ? (@.field == $f && @.value == $n)',"
        " jsonb_build_object('f', %(expressions)s))",
        arg_joiner="::text, 'n', ",
        output_field=BooleanField(),
    )
    return Audience.objects.filter(asks)


def _add(audience: Audience, pasted: str) -> list[str]:
    words = [word for word in pasted.replace(";", "\n").replace(",", "\n").split() if word][:MOST_PASTED]
    wanted = {word: addresses.read(word)[1] for word in words}
    within = targeting.in_unit(audience.unit)
    by_key = dict(
        within.filter(email_key__in=[key for key in wanted.values() if key]).values_list("email_key", "pk")
    )
    by_id = dict(within.filter(external_id__in=words).values_list("external_id", "pk"))
    found = {word: by_id.get(word) or by_key.get(key) for word, key in wanted.items()}
    AudienceMember.objects.bulk_create(
        [AudienceMember(audience=audience, profile_id=pk) for pk in dict.fromkeys(found.values()) if pk],
        batch_size=5_000,
        ignore_conflicts=True,
    )
    return [word for word, pk in found.items() if pk is None]


@transaction.atomic
def save_test_profile(
    *,
    label: str,
    email: str,
    values: dict[str, Any],
    unit: OrganizationalUnit,
    by: User,
    pk: int | None = None,
) -> TestProfile:
    """Make or change a test profile of the unit; raise NoProofAddress where the address is none."""
    access.require(by, Right.PREPARE, unit)
    state, _key = addresses.read(email)
    if state != AddressState.GOOD:
        raise NoProofAddress(address=email)
    known = {field.name for field in fields.COLUMNS} | attributes.hold(values)
    test_profile = TestProfile() if pk is None else TestProfile.objects.select_for_update().get(pk=pk)
    if pk is not None:
        access.require(by, Right.PREPARE, test_profile)
    attributes.refuse(set(values) - known - set(test_profile.values))
    test_profile.label, test_profile.email, test_profile.values = label, email.strip(), values
    test_profile.unit = unit
    test_profile.save()
    audit.record("create_test_profile" if pk is None else "change_test_profile", by=by, target=test_profile)
    return test_profile


@transaction.atomic
def delete_test_profile(*, test_profile: TestProfile, by: User) -> None:
    """The test profile is gone."""
    access.require(by, Right.PREPARE, test_profile)
    audit.record("delete_test_profile", by=by, target=test_profile)
    test_profile.delete()
