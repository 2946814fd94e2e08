"""Profiles from files: an upload, a job that reads it into a staging table, one set-based upsert.

The key of a row is its external id where the file has one, else its address; a row with neither a key nor
a good address is known by address, names and phone as they stand. Of rows with one key the last one counts.
What the file says of a mapped column holds, empty cells too, with one exception: an import opts people out,
never in. A file with broken rows changes nothing unless it was asked to keep the good ones.
"""

import io
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any, BinaryIO, cast

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop

from accounts import access, audit
from accounts.models import OrganizationalUnit, User
from accounts.rights import Right
from audiences import attributes, columns, files, queues, staging
from audiences.columns import Mapping
from audiences.models import Attribute, Audience, Import, ImportPart, ImportProblem
from audiences.rows import Rows
from campaign.lib import clock, leases
from campaign.lib.refusals import Refusal

logger = logging.getLogger(__name__)

BATCH = 5_000
SAMPLE = 1_000
PART = 1 << 20
MOST_PROBLEMS = 1_000
KEPT = timedelta(days=7)  # how long a refused file can be tried again
WRITTEN = ("created", "updated", "unchanged", "repeated", "flagged", "opted_out")  # counts of the merge
ATTEMPTS = 3

NO_KEY_COLUMN = gettext_noop("No column is an external id or an email address. The columns are: %(columns)s.")
EMPTY_FILE = gettext_noop("The file is empty.")
BROKEN = gettext_noop("The file is broken. Nothing was imported.")
MAY_NOT_DECLARE = gettext_noop(
    "No attribute is declared for these columns: %(columns)s. %(who)s Without “Declare columns” the other columns are "
    "imported."
)
TOO_MANY_NEW = gettext_noop(
    "There are %(there)d attributes of at most %(most)d. These columns are beyond it: %(columns)s. Take them out of "
    "the file, import it without “Declare columns”, or have attributes removed that nobody needs."
)
NEW_COLUMNS = gettext_noop("Columns of the file can't become attributes. Nothing was imported.")
NO_COLUMN = gettext_noop("The file can't be understood. Nothing was imported.")
UNEXPECTED = gettext_noop("The import failed for a reason that is not in the file. Nothing was imported.")
DEADLY = gettext_noop(
    "The process that read this file ended three times before it was done, most likely because of something in the "
    "file. Nothing was imported. Divide the file, and show the part that fails to your administrator."
)

Progress = Callable[[Import], None]


class NotAList(Refusal):
    message = _("“%(audience)s” is not a fixed list: profiles can't be added to it.")
    code = "not_a_list"


class NotRefused(Refusal):
    message = _("Only a refused import whose file is still here can be tried again.")
    code = "not_refused"


class TriedAgain(NotRefused):
    message = _("This file is being imported again already: look at the newest import of it.")
    code = "tried_again"


class TakenOver(Exception):
    """Another run has the import by now: this one writes nothing more."""


@dataclass(frozen=True, slots=True)
class Options:
    """How to import. `list_label`: the profiles join this fixed list, which is made where there is none."""

    keep_good_rows: bool = False
    declare_attributes: bool = False
    list_label: str = ""


def start(*, file: BinaryIO, name: str, unit: OrganizationalUnit, by: User, options: Options) -> Import:
    """The file is stored, and a job will import it."""
    with transaction.atomic():
        importing = register(name=name, unit=unit, by=by, options=options)
        ImportPart.objects.filter(importing__finished_at__lt=clock.now() - KEPT).delete()
        importing.bytes_total = _store(file, importing)
        importing.save(update_fields=["bytes_total"])
        queues.IMPORT.enqueue(import_id=importing.pk)
    return importing


@transaction.atomic
def again(*, importing: Import, by: User) -> Import:
    """A refused file is imported once more, this time keeping its good rows; asked twice at once, still once more."""
    access.require(by, Right.IMPORT, importing.unit)
    importing = (
        Import.objects.select_for_update(of=("self",)).select_related("unit", "audience").get(pk=importing.pk)
    )
    if importing.status != Import.Status.REFUSED:
        raise NotRefused()
    if not importing.parts.exists():  # its file went with the other try, or was kept long enough
        raise TriedAgain() if _was_tried_again(importing) else NotRefused()
    label = importing.audience.label if importing.audience else ""
    options = Options(True, importing.declare_attributes, label)
    new = register(name=importing.file_name, unit=importing.unit, by=by, options=options)
    importing.parts.update(importing=new)
    new.bytes_total = importing.bytes_total
    new.save(update_fields=["bytes_total"])
    queues.IMPORT.enqueue(import_id=new.pk)
    return new


def _was_tried_again(importing: Import) -> bool:
    later = Import.objects.filter(unit=importing.unit, file_name=importing.file_name, pk__gt=importing.pk)
    return later.filter(keep_good_rows=True, bytes_total=importing.bytes_total).exists()


@transaction.atomic
def register(*, name: str, unit: OrganizationalUnit, by: User, options: Options) -> Import:
    """The import stands in the list, with its rights checked; its file is still to come."""
    access.require(by, Right.IMPORT, unit)
    importing = Import.objects.create(
        unit=unit,
        file_name=name[:255],
        keep_good_rows=options.keep_good_rows,
        declare_attributes=options.declare_attributes,
        audience=_list(options.list_label, unit, by),
        started_by=by,
    )
    audit.record(
        "start_import", by=by, target=importing, unit=unit.label, keep_good_rows=options.keep_good_rows
    )
    return importing


def run(
    *, import_id: int, open_file: Callable[[], BinaryIO] | None = None, progress: Progress | None = None
) -> Import:
    """The import is done, refused with its reasons, or another run is at it; running it twice does no harm.

    `open_file` opens the file anew where it was not stored with the import.
    """
    open_ = Import.objects.filter(pk=import_id).exclude(status__in=Import.FINAL)
    token = leases.take_once_free(open_)
    importing = Import.objects.select_related("unit", "started_by", "audience").get(pk=import_id)
    if token is None:
        return importing
    importing.token = token
    try:
        with leases.renewed(open_, token=token), leases.heard_of(open_, token=token):
            run = _Run(importing, open_file or (lambda: cast(BinaryIO, PartsFile(importing))), progress)
            if leases.is_deadly(importing.unended):
                run.give_up()
            else:
                run.run()
    except TakenOver:
        logger.info("import %s was taken over by another run", import_id)
        importing.refresh_from_db()
    return importing


def wake() -> int:
    """Ask again for the imports that nobody is at: their job was lost, or their worker died. Their number."""
    waiting = (
        Import.objects.exclude(status__in=Import.FINAL)
        .filter(leases.is_free(), parts__isnull=False)
        .distinct()
    )
    for import_id in waiting.values_list("pk", flat=True):
        queues.IMPORT.enqueue(job_id=f"import-{import_id}", import_id=import_id)
    return len(waiting)


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


def _store(file: BinaryIO, importing: Import) -> int:
    size = 0
    for number, content in enumerate(iter(lambda: file.read(PART), b"")):
        ImportPart.objects.create(importing=importing, number=number, content=content)
        size += len(content)
    return size


class PartsFile(io.RawIOBase):
    """The stored file, read part by part."""

    def __init__(self, importing: Import) -> None:
        self.importing, self.number, self.rest = importing, 0, b""

    def read(self, size: int = -1) -> bytes:
        if not self.rest:
            parts = self.importing.parts.filter(number=self.number).values_list("content", flat=True)
            self.rest = bytes(parts.first() or b"")
            self.number += 1
        taken, self.rest = (self.rest, b"") if size < 0 else (self.rest[:size], self.rest[size:])
        return taken


@dataclass(slots=True)
class _Problems:
    """The report: all are counted, the first ones are kept, broken rows before others."""

    fatal: list[ImportProblem] = field(default_factory=list)
    others: list[ImportProblem] = field(default_factory=list)
    found: int = 0
    broken: int = 0

    def add(
        self, line: int, field: str, reason: str, slots: dict[str, Any] | None = None, *, fatal: bool = False
    ) -> None:
        self.found += 1
        self.broken += fatal
        kept = self.fatal if fatal else self.others
        if len(kept) < MOST_PROBLEMS:
            slots = {name: _harmless(value) for name, value in (slots or {}).items()}
            kept.append(ImportProblem(line=line, field=field[:64], reason=reason, slots=slots, fatal=fatal))

    def add_many(self, lines: list[int], total: int, field: str, reason: str) -> None:
        """Problems found in the database: `total` of them, and the lines of the first."""
        for line in lines:
            self.add(line, field, reason)
        self.found += total - len(lines)

    def kept(self) -> list[ImportProblem]:
        kept = [*self.fatal, *self.others][:MOST_PROBLEMS]
        return sorted(kept, key=lambda problem: (not problem.fatal, problem.line))


def _label(header: str) -> str:
    """A header as people would write it: last_order_on becomes Last order on."""
    words = header.replace("_", " ").strip()[:128]
    return words if any(letter.isupper() for letter in words) else words.capitalize()


def _harmless(value: Any) -> Any:
    return (
        value.replace("\0", "\ufffd").encode("utf-8", "replace").decode() if isinstance(value, str) else value
    )


class _Run:
    """One run: examine, read into staging with commits of the progress, then all or nothing in one transaction."""

    def __init__(
        self, importing: Import, open_file: Callable[[], BinaryIO], progress: Progress | None
    ) -> None:
        self.importing, self.open_file, self.progress = importing, open_file, progress
        self.tables = staging.Staging(importing.pk, importing.token)
        self._begin()

    def _begin(self) -> None:
        self.problems = _Problems()
        self.mapping = Mapping()
        self.staged = 0
        for name in WRITTEN:
            setattr(self.importing, name, 0)

    def run(self) -> None:
        try:
            self._run_whole()
        except TakenOver:
            raise
        except Refusal as refusal:
            self._finish(Import.Status.REFUSED, message=str(refusal))
            raise
        except Exception as error:
            if connection.in_atomic_block:  # a rehearsal, which is rolled back as a whole
                raise
            connection.close_if_unusable_or_obsolete()
            if not self._mine().exists():
                raise TakenOver from error
            if not self._is_tried_again(error):
                logger.exception("import %s failed", self.importing.pk)
                self._finish(Import.Status.FAILED, message=UNEXPECTED)
            raise
        finally:
            if connection.is_usable() and not connection.needs_rollback:
                self.tables.drop()

    def give_up(self) -> None:
        """The import has failed: too many workers died of it."""
        logger.error("import %s has ended %s workers: it fails", self.importing.pk, leases.MOST_DEATHS)
        self._finish(Import.Status.FAILED, message=DEADLY)
        self.tables.drop()

    def _is_tried_again(self, error: Exception) -> bool:
        """The database was away, full, or told to give up a statement: `wake` finds the stored file once more."""
        passes = isinstance(error, InterfaceError | OperationalError)
        return passes and self.importing.parts.exists()

    def _run_whole(self) -> None:
        """Once more where rows went from staging meanwhile: a crash of PostgreSQL empties it."""
        for _attempt in range(ATTEMPTS - 1):
            try:
                return self._run()
            except staging.Lost as lost:
                logger.warning("import %s begins anew: %s", self.importing.pk, lost)
                self._begin()
        return self._run()

    def _run(self) -> None:
        importing = self.importing
        if importing.started_by is None:
            raise access.NotAllowed(by=User(), right=Right.IMPORT, target=importing.unit)
        access.require(importing.started_by, Right.IMPORT, importing.unit)
        self._note(status=Import.Status.READING, bytes_read=0, rows_read=0)
        if refused := self._read():
            self._finish(Import.Status.REFUSED, message=refused)
            return
        self._note(status=Import.Status.WRITING)
        self._write()

    def _read(self) -> str:
        """Bring the file's rows into staging; says why where nothing may be imported."""
        with self.open_file() as file:
            written = files.examine(file)
        with self.open_file() as file:
            reader = files.Reader(file, written, self.problems.add)
            header = reader.read_header(columns.weigh)
            batches = reader.batches(BATCH)
            first = next(batches, files.Batch())
            self._map(header, first.rows[:SAMPLE])
            refused = self._refuse_columns(reader.header_line)
            self._show(written, reader, declares=self.importing.declare_attributes and not refused)
            if not self.mapping.has_key:
                reason, slots = (
                    (NO_KEY_COLUMN, {"columns": ", ".join(header)[:200]}) if header else (EMPTY_FILE, {})
                )
                self.problems.add(reader.header_line, "", reason, slots, fatal=True)
                return NO_COLUMN
            if refused:
                return NEW_COLUMNS
            self._stage(chain([first], batches), reader)
        return BROKEN if self.problems.broken and not self.importing.keep_good_rows else ""

    def _map(self, header: list[str], sample: list[list[str]]) -> None:
        self.mapping = columns.mapped(header, dict(Attribute.objects.values_list("name", "kind")))
        for column in self.mapping.unknown:
            column.kind = columns.guess_kind(row[column.position] for row in sample)
        taken = self.mapping.columns + (self.mapping.unknown if self.importing.declare_attributes else [])
        dates = [column.position for column in taken if column.kind == "date"]
        self.mapping.month_first = any(
            columns.guess_month_first(row[position] for row in sample) for position in dates
        )

    def _refuse_columns(self, line: int) -> bool:
        """Whether the file needs attributes that can't be declared; the report says which columns, and why."""
        unknown, by = self.mapping.unknown, self.importing.started_by
        if not unknown or not self.importing.declare_attributes:
            return False
        if by is None or not attributes.may_declare(by):
            columns_ = attributes.listed([column.header for column in unknown])
            self.problems.add(
                line, "", MAY_NOT_DECLARE, {"columns": columns_, "who": attributes.who_declares()}
            )
            return True
        if len(unknown) > (room := attributes.room()):
            beyond = attributes.listed([column.header for column in unknown[room:]])
            there = Attribute.objects.count()
            slots = {"there": there, "most": attributes.most(), "columns": beyond}
            self.problems.add(line, "", TOO_MANY_NEW, slots)
            return True
        return False

    def _show(self, written: files.Written, reader: files.Reader, *, declares: bool) -> None:
        mapping = self.mapping
        if declares:
            mapping.columns += mapping.unknown
        unknown = [] if declares else [column.header for column in mapping.unknown]
        self._note(
            detected={
                "delimiter": reader.delimiter,
                "encoding": written.encoding,
                "bom": written.bom,
                "columns": [[column.header, column.name] for column in mapping.columns],
                "unknown": unknown,
                "ignored": mapping.ignored,
                "declared": [column.name for column in mapping.unknown] if declares else [],
                "month_first": mapping.month_first,
            }
        )

    def _stage(self, batches: Iterable[files.Batch], reader: files.Reader) -> None:
        self.tables.create(self.mapping)
        prepared = Rows(self.mapping, self.problems.add)
        for batch in batches:
            self.importing.rows_read += len(batch)
            # Once it is sure that nothing will be imported, the rest is read only for the report.
            if not self.problems.broken or self.importing.keep_good_rows:
                self.staged += self.tables.copy(prepared.as_text(batch))
            self._note(bytes_read=reader.bytes_read, rows_read=self.importing.rows_read)
        self.importing.cleaned, self.importing.skipped = prepared.cleaned, prepared.skipped

    def _write(self) -> None:
        importing = self.importing
        with transaction.atomic():
            if importing.declare_attributes and self.mapping.unknown:
                self._declare()
            attributes.require(column.name for column in self.mapping.attributes)
            staging.merge(
                self.tables, importing, self.mapping,
                staged=self.staged, at=clock.now(), report=self.problems.add_many,
            )  # fmt: skip
            self._finish(Import.Status.DONE)

    def _declare(self) -> None:
        assert self.importing.started_by is not None  # `_run` has asked
        new = [
            Attribute(name=column.name, label=_label(column.header), kind=column.kind)
            for column in self.mapping.unknown
        ]
        attributes.declare(attributes=new, by=self.importing.started_by)

    def _note(self, **values: Any) -> None:
        """Write down how far it is, for the page that polls."""
        if not self._mine().update(lease_until=leases.ahead(), **values):
            raise TakenOver
        for name, value in values.items():
            setattr(self.importing, name, value)
        if self.progress:
            self.progress(self.importing)

    def _mine(self) -> QuerySet[Import]:
        """The import's row, for as long as it is open and its token is this run's; else none."""
        row = Import.objects.filter(pk=self.importing.pk, token=self.importing.token)
        return row.exclude(status__in=Import.FINAL)

    @transaction.atomic
    def _finish(self, status: str, *, message: str = "") -> None:
        if not self._mine().select_for_update().exists():
            raise TakenOver
        importing, problems = self.importing, self.problems
        importing.status, importing.message = status, message
        if status != Import.Status.DONE:
            for name in WRITTEN:
                setattr(importing, name, 0)
        importing.bad_rows, importing.problems_found = problems.broken, problems.found
        importing.finished_at, importing.lease_until = clock.now(), None
        importing.save()
        for problem in problems.kept():
            problem.importing = importing
        ImportProblem.objects.bulk_create(problems.kept(), batch_size=500)
        if status != Import.Status.REFUSED:
            importing.parts.all().delete()
        audit.record(
            "finish_import",
            by=importing.started_by,
            target=importing,
            status=status,
            created=importing.created,
            updated=importing.updated,
            broken=problems.broken,
        )
        if self.progress:
            self.progress(importing)
