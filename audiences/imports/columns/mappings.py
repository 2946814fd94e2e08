"""What was chosen for the columns of a file, kept for the next file that has the same."""

from hashlib import sha256
from typing import Any

from django.db import transaction

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences.models import Import, ImportMapping
from campaign.lib import clock

# What speaks of how a file is written and what its columns are, and not of one file.
ABOUT_COLUMNS = ("delimiter", "encoding", "key", "decimal", "dates", "columns", "written")


def key_of(header: list[str]) -> str:
    """What files have in common whose columns have the same names in the same order."""
    return sha256("\x1f".join(header).encode("utf-8", "replace")).hexdigest()


def saved_for(importing: Import) -> ImportMapping | None:
    """What was saved for files like this one in its unit; None where nothing was."""
    key = importing.detected.get("header_key", "")
    return (
        ImportMapping.objects.select_related("saved_by")
        .filter(unit=importing.unit_id, header_key=key)
        .first()
    )


def completed(choices: dict[str, Any], *, unit: OrganizationalUnit, header_key: str) -> dict[str, Any]:
    """The choices with what was saved for this header, where that is asked for; what was chosen now outweighs it."""
    if "saved" not in choices:
        return choices
    saved = ImportMapping.objects.filter(unit=unit, header_key=header_key).first()
    now = {name: value for name, value in choices.items() if name != "saved"}
    return {**(saved.choices if saved else {}), **now}


@transaction.atomic
def save(importing: Import, *, by: User) -> ImportMapping | None:
    """The choices of an import are offered for the next file like it; None where nothing was chosen."""
    access.require(by, Right.IMPORT, importing.unit)
    chosen = {name: importing.choices[name] for name in ABOUT_COLUMNS if name in importing.choices}
    key = importing.detected.get("header_key", "")
    if not chosen or not key:
        return None
    header = ", ".join(row["header"] for row in importing.detected.get("table", []))[:1_000]
    mapping, _created = ImportMapping.objects.update_or_create(
        unit=importing.unit,
        header_key=key,
        defaults={"header": header, "choices": chosen, "saved_by": by, "saved_at": clock.now()},
    )
    audit.record("save_mapping", by=by, target=mapping, unit=importing.unit.label)
    return mapping


@transaction.atomic
def forget(mapping: ImportMapping, *, by: User) -> None:
    """It is offered no more; raises access.NotAllowed without the right to import into its unit."""
    access.require(by, Right.IMPORT, mapping.unit)
    audit.record("forget_mapping", by=by, target=mapping, unit=mapping.unit.label)
    mapping.delete()
