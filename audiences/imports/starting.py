"""An import is asked for: its rights are checked, its file is stored, and a job will read it."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any, BinaryIO

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences import queues
from audiences.imports.stored_file import store
from audiences.models import Audience, Import, ImportPart
from campaign.lib import clock
from campaign.lib.refusals import Refusal

KEPT = timedelta(days=7)  # how long a refused file can be tried again


class NotAList(Refusal):
    message = _("“%(audience)s” is not a fixed list: profiles can't be added to it.")
    code = "not_a_list"


class NotRefused(Refusal):
    message = _("Only a refused import whose file is still here can be tried again.")
    code = "not_refused"


class TriedAgain(NotRefused):
    message = _("This file is being imported again already: look at the newest import of it.")
    code = "tried_again"


@dataclass(frozen=True, slots=True)
class Options:
    """How to import.

    `keep_good_rows`: broken rows are left out and the others imported. `declare_attributes`: unknown columns become
    attributes. `list_label`: the profiles join this fixed list, which is made where there is none. `decimal` (`,` or
    `.`) and `dates` (`day` or `month`) say how columns are read that can be read in two ways; `shared_ids`: an id may
    stand beside several addresses, and its last row counts. `suppression`: the file names what is never
    written to, and makes nobody a profile.
    """

    keep_good_rows: bool = False
    declare_attributes: bool = False
    list_label: str = ""
    decimal: str = ""
    dates: str = ""
    shared_ids: bool = False
    suppression: bool = False

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen, as it is kept with the import."""
        names = ("decimal", "dates", "shared_ids", "suppression")
        chosen = {name: getattr(self, name) for name in names}
        return {name: value for name, value in chosen.items() if value}


def start(*, file: BinaryIO, name: str, unit: OrganizationalUnit, by: User, options: Options) -> Import:
    """Store the file and enqueue its import; files that were kept long enough are deleted.

    Raise access.NotAllowed without the right to import there, and NotAList for a label of another kind of audience.
    """
    with transaction.atomic():
        importing = register(name=name, unit=unit, by=by, options=options)
        ImportPart.objects.filter(importing__finished_at__lt=clock.now() - KEPT).delete()
        importing.bytes_total = store(file, importing)
        importing.save(update_fields=["bytes_total"])
        queues.IMPORT.enqueue(import_id=importing.pk)
    return importing


@transaction.atomic
def again(*, importing: Import, by: User, options: Options | None = None) -> Import:
    """Import a refused file once more, by `options` or keeping its good rows; asked twice at once, it comes in once.

    Raise access.NotAllowed, NotRefused where the import was not refused or its file is gone, and TriedAgain where
    another import has taken over the file.
    """
    access.require(by, Right.IMPORT, importing.unit)
    importing = (
        Import.objects.select_for_update(of=("self",)).select_related("unit", "audience").get(pk=importing.pk)
    )
    if importing.status != Import.Status.REFUSED:
        raise NotRefused()
    if not importing.parts.exists():  # its file went with the other try, or was kept long enough
        raise TriedAgain() if _was_tried_again(importing) else NotRefused()
    options = replace(
        options or Options(keep_good_rows=True, **importing.choices),
        declare_attributes=importing.declare_attributes,
        list_label=importing.audience.label if importing.audience else "",
    )
    new = register(name=importing.file_name, unit=importing.unit, by=by, options=options)
    importing.parts.update(importing=new)
    new.bytes_total = importing.bytes_total
    new.save(update_fields=["bytes_total"])
    queues.IMPORT.enqueue(import_id=new.pk)
    return new


def _was_tried_again(importing: Import) -> bool:
    later = Import.objects.filter(unit=importing.unit, file_name=importing.file_name, pk__gt=importing.pk)
    return later.filter(bytes_total=importing.bytes_total).exists()


@transaction.atomic
def register(*, name: str, unit: OrganizationalUnit, by: User, options: Options) -> Import:
    """Put an import into the list, whose file is still to come; raises as `start` does."""
    access.require(by, Right.IMPORT, unit)
    importing = Import.objects.create(
        unit=unit,
        file_name=name[:255],
        keep_good_rows=options.keep_good_rows,
        declare_attributes=options.declare_attributes,
        choices=options.choices,
        audience=_list(options.list_label, unit, by),
        started_by=by,
    )
    audit.record(
        "start_import", by=by, target=importing, unit=unit.label, keep_good_rows=options.keep_good_rows
    )
    return importing


def _list(label: str, unit: OrganizationalUnit, by: User) -> Audience | None:
    if not label.strip():
        return None
    audience, created = Audience.objects.get_or_create(
        label=label.strip()[:128], unit=unit, defaults={"kind": Audience.Kind.LIST, "created_by": by}
    )
    if audience.kind != Audience.Kind.LIST:
        raise NotAList(audience=audience.label)
    if created:
        audit.record("create_audience", by=by, target=audience, kind=audience.kind)
    return audience
