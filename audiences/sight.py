"""Whom one sees of the people behind an object: the one rule of pages, desk, files and commands.

An object of a unit above is read from every unit below, and may be about people of all of them. A person is shown to
those who may see the person; to anybody else there is a row without a name, which is counted all the same. Of
somebody who is gone nobody can tell the unit any more: to be seen by those who see all that is below the object's own.
"""

from typing import Any, TypeVar

from django.db.models import BooleanField, Exists, OuterRef, Q, QuerySet, Value
from django.db.models.expressions import ExpressionWrapper
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access
from accounts.models import OrganizationalUnit, User
from audiences.models import ImportProblem, Profile

SOMEBODY = _("somebody of another unit")
ERASED = _("erased person")

Rows = TypeVar("Rows", bound=QuerySet[Any])


def people(user: User, rows: QuerySet[Profile] | None = None) -> QuerySet[Profile]:
    """Of these profiles, or of all, those that a person may see."""
    return access.visible(user, Profile.objects.all() if rows is None else rows)


def marked(rows: Rows, *, user: User | None, unit: OrganizationalUnit) -> Rows:
    """The rows, each with `is_seen`: whether this person may see whom its `profile_id` names.

    `unit` is that of the object whose rows they are. Without a person it is the system's own operator, who sees all.
    """
    if user is None or (user.is_active and user.is_superuser):
        return rows.annotate(is_seen=Value(True, output_field=BooleanField()))
    seen = Q(Exists(people(user, Profile.objects.filter(pk=OuterRef("profile_id")))))
    if access.sees_all_below(user, unit):
        seen |= ~Q(Exists(Profile.objects.filter(pk=OuterRef("profile_id"))))
    return rows.annotate(is_seen=ExpressionWrapper(seen, output_field=BooleanField()))


def search(rows: Rows, text: str) -> Rows:
    """Of marked rows those of people who may be seen and whose address holds the text: no address can be guessed."""
    return rows.filter(is_seen=True, address__icontains=text)


def shown(text: str, is_seen: bool) -> str | Promise:
    """What stands where a person's own text would: address, answer of a mail server."""
    return text if is_seen else SOMEBODY


def address(row: Any) -> str | Promise:
    """The address of a marked row, for whoever may see the person; a message without one is of somebody erased."""
    return shown(row.address, row.is_seen) or (ERASED if hasattr(row, "seq") else "")


def reported(problems: QuerySet[ImportProblem], user: User) -> QuerySet[ImportProblem]:
    """The lines of imports' reports, each with `is_seen`: nobody knows whose rows they are, so all below decide."""
    whole = Q(importing__unit__in=access.whole_units(user).values("pk"))
    return problems.annotate(is_seen=ExpressionWrapper(whole, output_field=BooleanField()))


def reason(problem: Any) -> str:
    """A line of a report, with the values of the file for whoever may see them."""
    text: str = problem.text if problem.is_seen else problem.text_without_values
    return text
