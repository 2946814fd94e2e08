"""Whom one sees of the people behind an object: the one rule of pages, desk, files and commands.

An object of a unit above is read from every unit below, and may be about people of all of them. A person is shown to
those who may see the person; to anybody else there is a row without a name, which is counted all the same. Of
somebody who is gone nobody can tell the unit any more: to be seen by those who see all that is below the object's own.

Whoever may see a person sees the address only with the right *See addresses* on the person's unit, and masked without.
"""

from dataclasses import dataclass
from typing import Any, TypeVar

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import ExpressionWrapper
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from accounts.rights import READING, Right
from audiences import addresses, search_texts
from audiences.models import ImportProblem, Profile

SOMEBODY = _("somebody of another unit")
ERASED = _("erased person")
MASKED = ("email", "phone")  # fields of a profile that lead to the person

MOST_FOUND = 2_000

Rows = TypeVar("Rows", bound=QuerySet[Any])


def people(user: User, rows: QuerySet[Profile] | None = None) -> QuerySet[Profile]:
    """Of these profiles, or of all, those that a person may see."""
    return access.visible(user, Profile.objects.all() if rows is None else rows)


def with_addresses(user: User, rows: QuerySet[Profile] | None = None) -> QuerySet[Profile]:
    """The same profiles, each with `is_clear`: whether the person may read its address and phone number."""
    found = people(user, rows)
    return found.annotate(is_clear=ExpressionWrapper(_in_clear(user), output_field=BooleanField()))


def _in_clear(user: User) -> Q:
    return Q(unit__in=access.units(user, Right.ADDRESSES).values("pk"))


@dataclass(frozen=True)
class UnitsSeen:
    """Of which units a person sees the people, and their addresses (None: of all); and whether those who are gone."""

    seen: frozenset[int] | None = None
    clear: frozenset[int] | None = None
    is_gone_seen: bool = True
    is_gone_clear: bool = True


def units_seen(user: User | None, *, unit: OrganizationalUnit) -> UnitsSeen:
    """The rule of `marked`, by the keys of units: for statements that join many rows at once."""
    everywhere = READING if user is None else access.at_the_top(user)
    if user is None or everywhere.issuperset(READING):
        return UnitsSeen()
    seen = frozenset(access.units(user, Right.VIEW).values_list("pk", flat=True))
    clear = seen.intersection(access.units(user, Right.ADDRESSES).values_list("pk", flat=True))
    is_gone_seen = access.sees_all_below(user, unit)
    is_gone_clear = is_gone_seen and access.sees_all_below(user, unit, Right.ADDRESSES)
    return UnitsSeen(seen, clear, is_gone_seen, is_gone_clear)


def marked(rows: Rows, *, user: User | None, unit: OrganizationalUnit) -> Rows:
    """The rows, each with `is_seen` and `is_clear`: whether this person may see whom its `profile_id` names, and where.

    `unit` is that of the object whose rows they are. Without a person it is the system's own operator, who sees all.
    """
    everywhere = READING if user is None else access.at_the_top(user)
    always = Value(True, output_field=BooleanField())
    if user is None or everywhere.issuperset(READING):
        return rows.annotate(is_seen=always, is_clear=always)
    mine = people(user, Profile.objects.filter(pk=OuterRef("profile_id")))
    seen, clear = Q(Exists(mine)), Q(Exists(mine.filter(_in_clear(user))))
    if access.sees_all_below(user, unit):
        is_gone = ~Q(Exists(Profile.objects.filter(pk=OuterRef("profile_id"))))
        seen |= is_gone
        if access.sees_all_below(user, unit, Right.ADDRESSES):
            clear |= is_gone
    return rows.annotate(
        is_seen=ExpressionWrapper(seen, output_field=BooleanField()),
        is_clear=ExpressionWrapper(clear, output_field=BooleanField()),
    )


def search(rows: Rows, text: str, *, known: list[int] | None = None) -> Rows:
    """Of marked rows those of people who may be seen and whose address holds the text: no address can be guessed.

    Where addresses are masked it takes a whole one: whoever asks knows it already. A part of an address is looked for
    among the addresses that people have today, so that an index finds it; a whole one that nobody has now among those
    of the rows too.
    `known` is what `those_of` found, where somebody has asked already.
    """
    matching = rows.filter(Q(is_clear=True, address__icontains=text) | Q(is_seen=True, address__iexact=text))
    found = those_of(text) if known is None else known
    if found is None:
        return matching
    key = addresses.read(text)[1]
    if found and (not key or Profile.objects.filter(pk__in=found, email_key=key).exists()):
        return matching.filter(profile_id__in=found)
    if found:  # their addresses hold this one, which is nobody's now
        return matching.filter(Q(profile_id__in=found) | Q(address__iexact=text))
    return rows.filter(is_seen=True, address__iexact=text) if key else rows.none()


def those_of(text: str) -> list[int] | None:
    """The profiles that hold this text, whoever may see them.

    None where they are many, or it is too short for an index: then looking at row after row finds some as soon. By a
    whole address those are found whose address it is, as by `whole`.
    """
    if len(text) < search_texts.SHORT:
        return None
    people = Profile.objects.order_by()
    is_theirs = whole(text)
    rows = people.filter(is_theirs) if is_theirs else search_texts.holding(people, [text])
    found = list(rows.values_list("pk", flat=True)[: MOST_FOUND + 1])
    return found if len(found) <= MOST_FOUND else None


def whole(text: str) -> Q | None:
    """The condition that this whole address is a profile's own, or its external id; None where it is nobody's.

    As a part of a text the index would have to go through the letters of its domain, which are everybody's.
    """
    key = addresses.read(text)[1] if "@" in text else ""
    is_theirs = Q(email_key=key) | Q(external_id=text)
    return is_theirs if key and Profile.objects.filter(is_theirs).exists() else None


def shown(text: str, is_seen: bool, is_clear: bool) -> str | Promise:
    """What stands where an address would."""
    if not is_seen:
        return SOMEBODY
    return text if is_clear else addresses.masked(text)


def told(text: str, is_seen: bool, is_clear: bool) -> str:
    """A text that may name a person, such as the answer of a mail server, as far as it may be read."""
    if not is_seen:
        return ""
    return text if is_clear else addresses.masked_within(text)


def address(row: Any) -> str | Promise:
    """The address of a marked row, for whoever may see it; a message without one is of somebody erased."""
    return shown(row.address, row.is_seen, row.is_clear) or (ERASED if hasattr(row, "seq") else "")


def email(profile: Any) -> str:
    """The address of a profile of `with_addresses`; masked too where nobody asked who looks."""
    return profile.email if getattr(profile, "is_clear", False) else addresses.masked(profile.email)


def phone(profile: Any) -> str:
    """The phone number of a profile of `with_addresses`, as `email` has the address."""
    return profile.phone if getattr(profile, "is_clear", False) else addresses.masked(profile.phone)


def value_of(name: str, value: Any, profile: Any) -> Any:
    """The value of a field of a profile of `with_addresses`: of an address or a phone number what may be read of it."""
    return {"email": email, "phone": phone}[name](profile) if name in MASKED else value


def reported(problems: QuerySet[ImportProblem], user: User) -> QuerySet[ImportProblem]:
    """The lines of imports' reports, each with `is_seen`: nobody knows whose rows they are, so all below decide."""
    whole = Q(importing__unit__in=access.whole_units(user).values("pk"))
    return problems.annotate(is_seen=ExpressionWrapper(whole, output_field=BooleanField()))


def reason(problem: Any) -> str:
    """A line of a report, with the values of the file for whoever may see them."""
    text: str = problem.text if problem.is_seen else problem.text_without_values
    return text
