"""The attributes that profiles may have beside their own fields: declared, counted and removed for the installation.

They hang under no unit, so the right to declare them is one on the unit above all others. Whoever imports or edits uses
what is declared, and holds it with `hold` until the transaction ends. A removal waits for that, so no attribute that is
gone gets a value.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import connection, transaction
from django.db.models import BooleanField, Func, QuerySet, Value
from django.utils.functional import Promise
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from accounts.roles import root
from audiences.fields import fields
from audiences.models import Attribute, Audience, Profile, TestProfile
from campaign.lib.refusals import Refusal

LOCK = 0x53494D41
NAMED = 20  # so many names stand in a message; the others are counted
# What a profile has by itself, and what a rule or a template would mistake for it.
TAKEN = frozenset(
    {field.name for field in fields.COLUMNS}
    | {"id", "unit", "attributes", "no_email", "no_sms", "no_contact"}
)


class TooManyAttributes(Refusal):
    message = _(
        "There are %(there)s attributes of at most %(most)s, so these can't be declared: %(names)s. Remove attributes "
        "that nobody needs, or have the limit raised."
    )
    code = "too_many_attributes"


class NameTaken(Refusal):
    message = _("“%(name)s” is there already: choose another name.")
    code = "name_taken"


class BadName(Refusal):
    message = _("“%(name)s” can't be a name: small letters, digits and _ only, 64 at most, a letter first.")
    code = "bad_name"


class Undeclared(Refusal):
    message = _("No attribute is declared under these names: %(names)s. %(who)s")
    code = "undeclared_attributes"


class StillUsed(Refusal):
    message = _("“%(attribute)s” is still used: %(uses)s. Change them first.")
    code = "attribute_in_use"


class NotConfirmed(Refusal):
    message = _("Nothing was removed: write the attribute's name, %(name)s, to confirm.")
    code = "not_confirmed"


@dataclass(frozen=True)
class Use:
    """What refers to an attribute: those that the person may see by their labels, the others counted."""

    kind: str | Promise
    labels: list[str]
    hidden: int = 0

    def __str__(self) -> str:
        named = listed([f"“{label}”" for label in self.labels])
        hidden = (
            _t("%(number)s of units that you can't read") % {"number": self.hidden} if self.hidden else ""
        )
        return f"{self.kind}: {', '.join(part for part in (named, hidden) if part)}"


@dataclass(frozen=True)
class Loss:
    """What goes with an attribute, and what keeps it from going."""

    profiles: int
    test_profiles: int
    uses: list[Use]


Finder = Callable[[str, User], Iterable[Use]]
_finders: list[Finder] = []


def used_by(finder: Finder) -> None:
    """An app above tells what of its own refers to an attribute."""
    _finders.append(finder)


def listed(names: Sequence[str]) -> str:
    """Names with commas between them; of many the first ones, and how many more."""
    shown = ", ".join(names[:NAMED])
    more = len(names) - NAMED
    return _t("%(names)s and %(more)s more") % {"names": shown, "more": more} if more > 0 else shown


def most() -> int:
    """How many attributes there may be."""
    return int(settings.SINETE["attributes_most"])


def may_declare(user: User) -> bool:
    """Whether the person declares attributes, which hold for all units."""
    return access.can(user, Right.DECLARE, root())


def who_declares() -> str:
    """Whom to ask for a new attribute, as a sentence."""
    names = [str(user) for user in access.holders(Right.DECLARE, root())[: NAMED + 1]]
    if not names:
        return _t("Nobody may declare attributes yet: an administrator of all units gives the role.")
    return _t("Attributes are declared by: %(names)s.") % {"names": listed(names)}


def room() -> int:
    """Return how many more may be declared."""
    return max(0, most() - Attribute.objects.count())


@transaction.atomic
def declare(*, attributes: Sequence[Attribute], by: User) -> list[Attribute]:
    """Declare these attributes, and return the new ones; what is declared already stays as it is.

    Raise access.NotAllowed, or TooManyAttributes where there would be more than `most()`.
    """
    access.require(by, Right.DECLARE, root())
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
    known = set(Attribute.objects.values_list("name", flat=True))
    new = [attribute for attribute in attributes if attribute.name not in known]
    if len(known) + len(new) > most():
        names = [attribute.name for attribute in new][max(0, most() - len(known)) :]
        raise TooManyAttributes(there=len(known), most=most(), names=listed(names))
    for attribute in new:
        _check(attribute)
        attribute.save(force_insert=True)
        audit.record("declare_attribute", by=by, target=attribute, kind=attribute.kind)
    return new


@transaction.atomic
def declare_one(*, name: str, label: str, kind: str, by: User) -> Attribute:
    """Declare one attribute and return it; raise NameTaken where the name is taken, and what `declare` raises."""
    name, label = name.strip(), label.strip()[:128] or name.strip()
    made = declare(attributes=[Attribute(name=name, label=label, kind=kind)], by=by)
    if not made:
        raise NameTaken(name=name)
    return made[0]


@transaction.atomic
def relabel(*, attribute: Attribute, label: str, by: User) -> Attribute:
    """Change the label of an attribute; its name and kind stay, because contents and rules use them."""
    access.require(by, Right.DECLARE, root())
    attribute.label = label.strip()[:128] or attribute.name
    attribute.save(update_fields=["label"])
    audit.record("save_attribute", by=by, target=attribute)
    return attribute


def loss(attribute: Attribute, user: User) -> Loss:
    """Return what removing it would take away, and what refers to it."""
    return Loss(
        profiles=Profile.objects.filter(attributes__has_key=attribute.name).count(),
        test_profiles=TestProfile.objects.filter(values__has_key=attribute.name).count(),
        uses=[use for finder in (_audiences, *_finders) for use in finder(attribute.name, user)],
    )


@transaction.atomic
def remove(*, attribute: Attribute, by: User, confirmed: str) -> Loss:
    """Delete the attribute and every value of it; return what was lost.

    Raise NotConfirmed unless `confirmed` is its name, and StillUsed while an audience or a delivery refers to it.
    """
    access.require(by, Right.DECLARE, root())
    if confirmed.strip() != attribute.name:
        raise NotConfirmed(name=attribute.name)
    attribute = Attribute.objects.select_for_update().get(pk=attribute.pk)  # waits for imports that fill it
    lost = loss(attribute, by)
    if lost.uses:
        raise StillUsed(attribute=attribute, uses="; ".join(map(str, lost.uses)))
    with connection.cursor() as cursor:
        for table, column in (("audiences_profile", "attributes"), ("audiences_testprofile", '"values"')):
            cursor.execute(
                f"UPDATE {table} SET {column} = {column} - %(name)s WHERE {column} ? %(name)s",
                {"name": attribute.name},
            )
    audit.record(
        "remove_attribute", by=by, target=attribute, name=attribute.name, kind=attribute.kind,
        profiles=lost.profiles, test_profiles=lost.test_profiles,
    )  # fmt: skip
    attribute.delete()
    return lost


def hold(names: Iterable[str]) -> set[str]:
    """Return those of the names that are declared; they stay so until the transaction ends.

    Call it before any profile is locked: a removal takes its locks in the same order.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT name FROM audiences_attribute WHERE name = ANY(%s) ORDER BY id FOR KEY SHARE",
            [sorted(set(names))],
        )
        return {name for (name,) in cursor.fetchall()}


def refuse(undeclared: Iterable[str]) -> None:
    """Raise Undeclared if there are any, and say who may declare them."""
    if gone := sorted(undeclared):
        raise Undeclared(names=listed(gone), who=who_declares())


def require(names: Iterable[str]) -> None:
    """Hold them all, or raise Undeclared."""
    wanted = set(names)
    refuse(wanted - hold(wanted) if wanted else ())


def _check(attribute: Attribute) -> None:
    if attribute.name in TAKEN:
        raise NameTaken(name=attribute.name)
    named = Attribute._meta.get_field("name")
    try:
        named.clean(attribute.name, attribute)
        attribute.full_clean(exclude=["name"], validate_unique=False)
    except ValidationError:
        raise BadName(name=attribute.name[:80]) from None


def _audiences(name: str, user: User) -> Iterable[Use]:
    """The audiences whose rules look at it."""
    asks: Any = Func(
        Value(name),
        template="jsonb_path_exists(rule, '$.** ? (@.field == $n)', jsonb_build_object('n', %(expressions)s::text))",
        output_field=BooleanField(),
    )
    return use_of(_("audiences"), Audience.objects.filter(asks), user)


def use_of(kind: str | Promise, rows: QuerySet[Any], user: User) -> Iterable[Use]:
    """The rows as a use: those that the person may see are named, the others counted."""
    number = rows.count()
    if number:
        seen = list(access.visible(user, rows).values_list("label", flat=True))
        yield Use(kind, seen, number - len(seen))
