"""The rights that roles are made of. Each is a django-guardian permission on a unit or a single object."""

from enum import StrEnum
from typing import Any

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Right(StrEnum):
    """Its value is the permission's codename, the same on a unit and on a single delivery."""

    VIEW = "view_deliveries"
    PREPARE = "prepare_deliveries"
    START = "start_deliveries"
    APPROVE = "approve_deliveries"
    IMPORT = "import_profiles"
    DECLARE = "declare_attributes"
    EXPORT = "export_data"
    EXPORT_PERSON = "export_personal_data"
    ADDRESSES = "see_addresses"
    ADMINISTER = "administer"
    ERASE = "erase_personal_data"

    @property
    def label(self) -> str | Promise:
        return LABELS[self]


LABELS: dict[Right, str | Promise] = {
    Right.VIEW: _("See deliveries, profiles and audiences"),
    Right.PREPARE: _("Prepare deliveries"),
    Right.START: _("Start deliveries"),
    Right.APPROVE: _("Approve deliveries"),
    Right.IMPORT: _("Import profiles"),
    Right.DECLARE: _("Declare and remove attributes of profiles"),
    Right.EXPORT: _("Export lists and logs"),
    Right.EXPORT_PERSON: _("Export personal data"),
    Right.ADDRESSES: _("See addresses"),
    Right.ADMINISTER: _("Administer users, units, routes and quarantine"),
    Right.ERASE: _("Erase personal data"),
}

# What acts on the units above too: whoever reads what hangs there.
READING = frozenset({Right.VIEW, Right.ADDRESSES})

# What nobody may give to themselves, superuser or not.
NOT_TO_ONESELF = frozenset({Right.START, Right.APPROVE})


def permissions(*rights: Right) -> Any:
    """For a model's `Meta.permissions`."""
    return [(right.value, right.label) for right in rights]
