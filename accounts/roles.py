"""The roles that ship, as data, after Adobe Campaign Standard's list; `sync_roles` writes them."""

from typing import Any

from django.db import transaction
from django.utils.translation import gettext_noop as n_

from accounts import access
from accounts.models import OrganizationalUnit, Role
from accounts.rights import Right
from accounts.units.units import create_unit

SHIPPED: dict[str, tuple[str, str, list[Right]]] = {
    "read": (
        n_("Read"),
        n_("See deliveries, their figures and their logs, with the addresses of people masked."),
        [Right.VIEW],
    ),
    "administration": (
        n_("Administration"),
        n_("Users, units, roles, routes, quarantine; sees everything below the unit; sends nothing."),
        [
            Right.VIEW,
            Right.ADDRESSES,
            Right.ADMINISTER,
            Right.IMPORT,
            Right.DECLARE,
            Right.EXPORT_PERSON,
            Right.ERASE,
        ],
    ),
    "prepare": (
        n_("Prepare deliveries"),
        n_("Create, change, prepare and delete deliveries; send proofs; not send."),
        [Right.VIEW, Right.ADDRESSES, Right.PREPARE],
    ),
    "start": (
        n_("Start deliveries"),
        n_("The same as Prepare deliveries, and confirm, pause, resume and stop the send."),
        [Right.VIEW, Right.ADDRESSES, Right.PREPARE, Right.START],
    ),
    "approve": (
        n_("Approve deliveries"),
        n_("Accept or reject what was prepared."),
        [Right.VIEW, Right.ADDRESSES, Right.APPROVE],
    ),
    "import": (
        n_("Import"),
        n_("Bring profiles in from files."),
        [Right.VIEW, Right.ADDRESSES, Right.IMPORT],
    ),
    "attributes": (
        n_("Declare attributes"),
        n_("Declare and remove what profiles may have beside their own fields; held in the topmost unit."),
        [Right.DECLARE],
    ),
    "export": (
        n_("Export"),
        n_("Take lists and logs out as files."),
        [Right.VIEW, Right.ADDRESSES, Right.EXPORT],
    ),
}

ROOT_LABEL = "All"


@transaction.atomic
def sync_roles() -> None:
    """The shipped roles stand in the database with the rights written here, and the root unit exists."""
    changed = False
    for code, (label, description, rights) in SHIPPED.items():
        values = {"label": label, "description": description, "rights": [right.value for right in rights]}
        old = Role.objects.filter(code=code).values("rights").first()
        changed |= old is not None and old["rights"] != values["rights"]
        Role.objects.update_or_create(code=code, defaults=values)
    if changed:
        access.rewrite_all_rights()
    root()


def root() -> OrganizationalUnit:
    """The unit above all others; made if there is none."""
    found = OrganizationalUnit.objects.filter(parent=None).order_by("pk").first()
    return found or create_unit(label=ROOT_LABEL, parent=None)


def sync_after_migrate(using: str, **kwargs: Any) -> None:
    """Once the permissions themselves exist."""
    if using == "default":
        sync_roles()
