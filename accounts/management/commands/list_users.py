"""List people with their roles."""

from argparse import ArgumentParser
from typing import Any

from django.db.models import Q, QuerySet

from accounts import access
from accounts.commands import PersonCommand
from accounts.models import User
from accounts.rights import Right
from accounts.roles import SHIPPED, root
from campaign.lib.helped import row_count

MOST = 1_000


class Command(PersonCommand):
    help = "List the accounts of the people whom you administer, by user name, with their roles."
    example = "manage.py list_users --unit Brasil --role start --as diego"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("--unit", help="label or id: only people at home there or below")
        parser.add_argument("--role", choices=SHIPPED, help="only people who hold this role anywhere")
        parser.add_argument("--text", help="only those whose user name, name or address has this in it")
        parser.add_argument("--closed", action="store_true", help="accounts that are closed too")
        parser.add_argument(
            "--limit", type=row_count, default=50, help=f"at most so many (50; no more than {MOST})"
        )
        parser.add_argument("--after", metavar="USER", help="go on behind this user name")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Print one page of people; raise NotAllowed to whoever administers nothing."""
        assert by is not None
        if not access.units(by, Right.ADMINISTER).exists():
            raise access.NotAllowed(by=by, right=Right.ADMINISTER, target=by.home_unit or root())
        limit = min(max(1, options["limit"]), MOST)
        found = list(self._chosen(by, options)[: limit + 1])
        rows = [_row(user) for user in found[:limit]]
        for row in rows:
            self.say(f"{row['user']:<20} {_state(row):<9} {row['unit'] or '–':<20} {_roles(row)}")
        after = rows[-1]["user"] if len(found) > limit else None
        if not rows:
            self.say("Nobody.")
        if after:
            self.say(f"More: --after {after}")
        return {"users": rows, "after": after}

    def _chosen(self, by: User, options: dict[str, Any]) -> QuerySet[User]:
        people = access.people(by).select_related("home_unit").order_by("username")
        if options["unit"]:
            people = people.filter(home_unit__path__startswith=self.unit(options["unit"], by=by).path)
        if options["role"]:
            people = people.filter(role_grants__role__code=options["role"]).distinct()
        if text := (options["text"] or "").strip():
            people = people.filter(_has(text))
        if not options["closed"]:
            people = people.filter(is_active=True)
        if options["after"]:
            people = people.filter(username__gt=options["after"])
        return people.prefetch_related("role_grants__role", "role_grants__unit")


def _has(text: str) -> Any:
    named = ("username", "first_name", "last_name", "email")
    wanted = Q()
    for name in named:
        wanted |= Q(**{f"{name}__icontains": text})
    return wanted


def _row(user: User) -> dict[str, Any]:
    return {
        "user": user.username,
        "name": user.get_full_name(),
        "email": user.email,
        "unit": user.home_unit.label if user.home_unit else None,
        "active": user.is_active,
        "invited": not user.has_usable_password(),
        "superuser": user.is_superuser,
        "roles": [
            {"role": grant.role.code, "unit": grant.unit.label, "withheld": grant.withheld}
            for grant in user.role_grants.all()
        ],
    }


def _state(row: dict[str, Any]) -> str:
    if not row["active"]:
        return "closed"
    return "invited" if row["invited"] else "active"


def _roles(row: dict[str, Any]) -> str:
    held = [
        f"{each['role']} in {each['unit']}{' (withheld)' if each['withheld'] else ''}"
        for each in row["roles"]
    ]
    return ", ".join([*(["superuser"] if row["superuser"] else []), *held]) or "no role"
