"""A folder is made, changed, moved and deleted. Rights are those of its unit.

What lies in a folder is of its unit or of one below, so whoever may see what lies there sees the folder too.
"""

from collections.abc import Callable, Mapping
from datetime import date
from decimal import Decimal
from typing import Any

from django.db import connection, transaction
from django.db.models import F, Value
from django.db.models.functions import Concat, Substr
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib import locking
from campaign.lib.refusals import Refusal
from deliveries.folders import goals
from deliveries.models import Delivery, Folder
from deliveries.models.folder import CAMPAIGN_ONLY, DEEPEST

LONGEST_LABEL, LONGEST_DESCRIPTION = 128, 2_000
SETTINGS = ("description", "is_campaign", *CAMPAIGN_ONLY)
_TREE = 0x466F6C64657273  # the lock under which the tree changes


class NoLabel(Refusal):
    message = _("A folder needs a label of one line, with at most %(longest)s characters.")
    code = "no_label"
    exit_code = 2


class LabelTaken(Refusal):
    message = _("There is a folder “%(folder)s” there already: choose another label.")
    code = "label_taken"


class TooDeep(Refusal):
    message = _("Folders lie at most %(deepest)s deep: choose a place further up.")
    code = "too_deep"


class InsideItself(Refusal):
    message = _("“%(folder)s” can't lie in itself, nor in what lies in it.")
    code = "inside_itself"


class FolderElsewhere(Refusal):
    message = _(
        "“%(folder)s” is a folder of %(folder_unit)s: what lies there is of that unit or of one below it."
    )
    code = "folder_elsewhere"


class NotEmpty(Refusal):
    message = _(
        "“%(folder)s” is not empty: deliveries in it %(deliveries)s, folders %(folders)s. Move them first."
    )
    code = "not_empty"


class DatesReversed(Refusal):
    message = _("A campaign ends on the day on which it starts, or later.")
    code = "dates_reversed"
    exit_code = 2


class CampaignsAlone(Refusal):
    message = _("Dates, owner and goal are a campaign's: say that “%(folder)s” is one.")
    code = "campaigns_alone"
    exit_code = 2


class NotAnOwner(Refusal):
    message = _("“%(owner)s” may not see the deliveries of %(unit)s: choose somebody who may.")
    code = "not_an_owner"


@transaction.atomic
def create(
    *, label: str, unit: OrganizationalUnit, by: User, parent: Folder | None = None, **settings: Any
) -> Folder:
    """Make a folder in the unit, inside of `parent` if one is given. `settings` are named in SETTINGS.

    Raise access.NotAllowed without *Prepare deliveries* in the unit, and a Refusal of this module or of `goals` for
    a label, a place or settings that make no sense.
    """
    access.require(by, Right.PREPARE, unit)
    _lock_tree()
    folder = Folder(unit=unit, parent=_fresh(parent), created_by=by, label=_line(label))
    _set(folder, settings)
    _check_place(folder, folder.parent, height=1)
    folder.save()
    folder.path = f"{folder.parent.path if folder.parent else '/'}{folder.pk}/"
    folder.save(update_fields=["path"])
    audit.record("create_folder", by=by, target=folder, **_said(folder))
    return folder


@transaction.atomic
def change(*, folder: Folder, by: User, label: str | None = None, **settings: Any) -> Folder:
    """Give the folder this label and these settings; what is left out stays.

    Raise access.NotAllowed without *Prepare deliveries* on it, and what `create` raises.
    """
    folder = locked(folder.pk)
    access.require(by, Right.PREPARE, folder)
    before = _said(folder)
    folder.label = folder.label if label is None else _line(label)
    if settings.get("is_campaign") is False:
        settings = dict.fromkeys(CAMPAIGN_ONLY) | {"goal_figure": ""} | settings
    _set(folder, settings)
    _require_free(folder)
    folder.save()
    after = _said(folder)
    if after != before:
        audit.record("change_folder", by=by, target=folder, before=before, after=after)
    return folder


@transaction.atomic
def move(*, folder: Folder, parent: Folder | None, by: User) -> Folder:
    """Put the folder, with all that lies in it, into another one, or into none.

    Raise access.NotAllowed without *Prepare deliveries* on the folder and on where it goes to, InsideItself, TooDeep,
    FolderElsewhere and LabelTaken.
    """
    _lock_tree()
    folder, parent = locked(folder.pk), _fresh(parent)
    access.require(by, Right.PREPARE, folder)
    if parent is not None:
        access.require(by, Right.PREPARE, parent)
        if parent.path.startswith(folder.path):
            raise InsideItself(folder=folder)
    if folder.parent_id == (parent.pk if parent else None):
        return folder
    _check_place(folder, parent, height=_height(folder))
    old, new = folder.path, f"{parent.path if parent else '/'}{folder.pk}/"
    Folder.objects.filter(path__startswith=old).update(
        path=Concat(Value(new), Substr(F("path"), len(old) + 1))
    )
    folder.path = new
    folder.save(update_fields=["parent", "path", "changed_at"])
    audit.record("move_folder", by=by, target=folder, to=parent.pk if parent else None)
    return folder


@transaction.atomic
def delete(*, folder: Folder, by: User) -> None:
    """Delete a folder in which nothing lies; raise access.NotAllowed without *Prepare deliveries*, and NotEmpty."""
    _lock_tree()
    folder = locked(folder.pk)
    access.require(by, Right.PREPARE, folder)
    # Each of its children may be in a unit that this person does not see: their numbers alone are said.
    deliveries, folders = Delivery.objects.filter(folder=folder).count(), folder.children.count()
    if deliveries or folders:
        raise NotEmpty(folder=folder, deliveries=deliveries, folders=folders)
    for go in _going_along:
        go(folder, by)
    audit.record("delete_folder", by=by, target=folder, **_said(folder))
    folder.delete()


def also_goes(go: Callable[[Folder, User], None]) -> None:
    """Before a folder is deleted, what other rooms keep of it goes by this, and says so in the audit trail."""
    _going_along.append(go)


_going_along: list[Callable[[Folder, User], None]] = []


def require_fits(folder: Folder, unit: OrganizationalUnit) -> None:
    """Raise FolderElsewhere unless what is of this unit can lie in the folder."""
    if not fits(folder, unit):
        raise FolderElsewhere(folder=folder, folder_unit=folder.unit)


def fits(folder: Folder, unit: OrganizationalUnit) -> bool:
    """Whether what is of this unit can lie in the folder: it is of the folder's unit, or of one below."""
    return folder.unit_id in unit.lineage


def locked(pk: int) -> Folder:
    """The folder with its row locked, so that nobody puts anything into it meanwhile."""
    return locking.locked(Folder.objects.select_related("unit"), pk)


def _lock_tree() -> None:
    """Until the end of the transaction the tree is changed by nobody else: two moves together could make a ring."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_TREE])


def _fresh(folder: Folder | None) -> Folder | None:
    return Folder.objects.select_related("unit").get(pk=folder.pk) if folder is not None else None


def _check_place(folder: Folder, parent: Folder | None, *, height: int) -> None:
    if parent is not None:
        require_fits(parent, folder.unit)
        if len(parent.lineage) + height > DEEPEST:
            raise TooDeep(deepest=DEEPEST)
    folder.parent = parent
    _require_free(folder)


def _height(folder: Folder) -> int:
    """How many folders lie one in another at most, this one counted."""
    paths = Folder.objects.below(folder).values_list("path", flat=True)
    return max(path.count("/") for path in paths) - folder.path.count("/") + 1


def _require_free(folder: Folder) -> None:
    same = Folder.objects.filter(unit=folder.unit, parent=folder.parent, label=folder.label)
    if same.exclude(pk=folder.pk).exists():
        raise LabelTaken(folder=folder.label)


def _line(label: str) -> str:
    line = " ".join(label.split())
    if not line or len(line) > LONGEST_LABEL or not line.isprintable():
        raise NoLabel(longest=LONGEST_LABEL)
    return line


def _set(folder: Folder, settings: Mapping[str, Any]) -> None:
    """Give it the settings; raise a Refusal where they make no sense together, TypeError for an unknown name."""
    if unknown := settings.keys() - set(SETTINGS):
        raise TypeError(f"no such settings: {', '.join(sorted(unknown))}")
    known_owner = folder.owner_id
    for name, value in settings.items():
        setattr(folder, name, value)
    folder.description = folder.description.replace("\0", "").strip()[:LONGEST_DESCRIPTION]
    if not folder.is_campaign and any(getattr(folder, name) not in ("", None) for name in CAMPAIGN_ONLY):
        raise CampaignsAlone(folder=folder)
    if folder.starts_on and folder.ends_on and folder.ends_on < folder.starts_on:
        raise DatesReversed()
    goals.check(folder.goal_figure, folder.goal_value)
    if (
        folder.owner is not None
        and folder.owner_id != known_owner
        and not _may_own(folder.owner, folder.unit)
    ):
        raise NotAnOwner(owner=folder.owner, unit=folder.unit)


def _may_own(owner: User, unit: OrganizationalUnit) -> bool:
    return access.holders(Right.VIEW, unit).filter(pk=owner.pk).exists()


def _said(folder: Folder) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        if isinstance(value, date | Decimal):
            return str(value)
        return value.pk if isinstance(value, User | Folder) else value

    return {name: plain(getattr(folder, name)) for name in ("label", "parent", *SETTINGS)}
