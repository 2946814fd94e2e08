"""An import is asked for: its rights are checked, its file is stored, and a job will read it."""

from dataclasses import dataclass, field, replace
from typing import Any, BinaryIO

from django.db import transaction
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences import queues
from audiences.imports.columns import mappings
from audiences.imports.reading.files import DELIMITERS
from audiences.imports.reading.source import ENCODINGS
from audiences.imports.reading.stored_file import store
from audiences.models import Audience, Import
from campaign.lib import locking
from campaign.lib.refusals import Refusal


class NotAList(Refusal):
    message = _("“%(audience)s” is not a fixed list: profiles can't be added to it.")
    code = "not_a_list"


class NotRefused(Refusal):
    message = _("Only a refused import whose file is still here can be tried again.")
    code = "not_refused"


class TriedAgain(NotRefused):
    message = _("This file is being imported again already: look at the newest import of it.")
    code = "tried_again"


class NotChecked(Refusal):
    message = _("Only a file that was looked through and is still here can be imported.")
    code = "not_checked"


class NoSuchChoice(Refusal):
    message = _("“%(value)s” can't be chosen for %(name)s.")
    code = "no_such_choice"
    exit_code = 2


CHOICES = (
    "decimal",
    "dates",
    "shared_ids",
    "suppression",
    "delimiter",
    "encoding",
    "sheet",
    "key",
    "columns",
    "written",
    "saved",
)


@dataclass(frozen=True, slots=True)
class Options:
    """How to import.

    `keep_good_rows`: broken rows are left out and the others imported. `declare_attributes`: unknown columns become
    attributes. `list_label`: the profiles join this fixed list, which is made where there is none. `decimal` (`,` or
    `.`) and `dates` (`day` or `month`) say how columns are read that can be read in two ways; `shared_ids`: an id may
    stand beside several addresses, and its last row counts. `suppression`: the file names what is never
    written to, and makes nobody a profile.

    `delimiter`, `encoding` (as Python names it) and `sheet` say how the file is written. `key` is `email` where ids are
    left out and the address tells who it is. `columns` has the field of columns (by header, or #0 for the first):
    a field, `attribute.NAME`, `new` or `leave_out`; `written` has how they are written: `,`, `.`, `day` or `month`.
    `saved`: what was saved for files of this header holds where nothing else is chosen.
    """

    keep_good_rows: bool = False
    declare_attributes: bool = False
    list_label: str = ""
    decimal: str = ""
    dates: str = ""
    shared_ids: bool = False
    suppression: bool = False
    delimiter: str = ""
    encoding: str = ""
    sheet: str = ""
    key: str = ""
    columns: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    saved: bool = False

    def check(self) -> None:
        """Raise NoSuchChoice for what can't be chosen at all."""
        among = {
            "delimiter": ("", *DELIMITERS),
            "encoding": ("", *ENCODINGS),
            "key": ("", "external_id", "email"),
            "decimal": ("", ",", "."),
            "dates": ("", "day", "month"),
        }
        for name, values in among.items():
            if getattr(self, name) not in values:
                raise NoSuchChoice(value=getattr(self, name)[:80], name=name)
        for value in self.written.values():
            if value not in (",", ".", "day", "month"):
                raise NoSuchChoice(value=value[:80], name="written")

    @property
    def choices(self) -> dict[str, Any]:
        """What was chosen, as it is kept with the import."""
        chosen = {name: getattr(self, name) for name in CHOICES}
        return {name: value for name, value in chosen.items() if value}


def start(
    *, file: BinaryIO, name: str, unit: OrganizationalUnit, by: User, options: Options, dry_run: bool = False
) -> Import:
    """Store the file and enqueue its import, or a dry run of it.

    Raise access.NotAllowed without the right to import there, NotAList for a label of another kind of audience, and
    NoSuchChoice.
    """
    with transaction.atomic():
        importing = register(name=name, unit=unit, by=by, options=options, dry_run=dry_run)
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
    importing = locking.locked(Import.objects.select_related("unit"), importing.pk)
    if importing.status != Import.Status.REFUSED or importing.dry_run:
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


@transaction.atomic
def look_again(*, importing: Import, by: User, options: Options) -> Import:
    """The dry run begins anew, by these options; raises access.NotAllowed, NotChecked, NoSuchChoice."""
    importing = _dry(importing, by, among=(Import.Status.CHECKED, Import.Status.REFUSED))
    options.check()
    _check_list(options.list_label, importing.unit)
    importing.choices = options.choices | _list_to_come(options, True)
    importing.keep_good_rows = options.keep_good_rows
    importing.declare_attributes = options.declare_attributes
    return _wait(importing, by)


def as_saved(importing: Import) -> Options:
    """The options of a dry run with what was saved for files of its header in the place of other choices."""
    return Options(
        keep_good_rows=importing.keep_good_rows,
        declare_attributes=importing.declare_attributes,
        list_label=importing.choices.get("list_label", ""),
        suppression=importing.choices.get("suppression", False),
        sheet=importing.choices.get("sheet", ""),
        saved=True,
    )


@transaction.atomic
def carry_out(*, importing: Import, by: User) -> Import:
    """What was looked through comes in, as it was chosen; the choices are saved for the next file of its header.

    Raise access.NotAllowed, or NotChecked, so that asked twice it comes in once.
    """
    importing = _dry(importing, by, among=(Import.Status.CHECKED,))
    mappings.save(importing, by=by)
    importing.dry_run = False
    importing.audience = _list(importing.choices.get("list_label", ""), importing.unit, by)
    return _wait(importing, by)


def _dry(importing: Import, by: User, *, among: tuple[str, ...]) -> Import:
    """The dry run, locked, that nobody is at and whose file is here."""
    access.require(by, Right.IMPORT, importing.unit)
    locked = locking.locked(Import.objects.select_related("unit"), importing.pk)
    if not locked.dry_run or locked.status not in among or not locked.parts.exists():
        raise NotChecked()
    return locked


def _wait(importing: Import, by: User) -> Import:
    """A worker will take it; what came of the last run is no longer told."""
    importing.status, importing.message, importing.finished_at = Import.Status.WAITING, "", None
    importing.started_by, importing.unended, importing.lease_until = by, 0, None
    importing.bytes_read = importing.rows_read = 0
    importing.save()
    _record(importing, by)
    queues.IMPORT.enqueue(import_id=importing.pk)
    return importing


def _was_tried_again(importing: Import) -> bool:
    later = Import.objects.filter(unit=importing.unit, file_name=importing.file_name, pk__gt=importing.pk)
    return later.filter(bytes_total=importing.bytes_total).exists()


@transaction.atomic
def register(
    *, name: str, unit: OrganizationalUnit, by: User, options: Options, dry_run: bool = False
) -> Import:
    """Put an import into the list, whose file is still to come; raises as `start` does."""
    access.require(by, Right.IMPORT, unit)
    options.check()
    if dry_run:
        _check_list(options.list_label, unit)
    importing = Import.objects.create(
        unit=unit,
        file_name=name[:255],
        dry_run=dry_run,
        keep_good_rows=options.keep_good_rows,
        declare_attributes=options.declare_attributes,
        choices=options.choices | _list_to_come(options, dry_run),
        audience=None if dry_run else _list(options.list_label, unit, by),
        started_by=by,
    )
    _record(importing, by)
    return importing


def _record(importing: Import, by: User) -> None:
    audit.record(
        "start_dry_run" if importing.dry_run else "start_import",
        by=by,
        target=importing,
        unit=importing.unit.label,
        keep_good_rows=importing.keep_good_rows,
    )


def _list_to_come(options: Options, dry_run: bool) -> dict[str, str]:
    """A dry run makes no list; it keeps the name of the one to be filled."""
    label = options.list_label.strip()[:128]
    return {"list_label": label} if dry_run and label else {}


def _check_list(label: str, unit: OrganizationalUnit) -> None:
    others = Audience.objects.filter(label=label.strip()[:128], unit=unit).exclude(kind=Audience.Kind.LIST)
    if label.strip() and others.exists():
        raise NotAList(audience=label.strip()[:128])


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
