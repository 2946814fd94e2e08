"""One run of an import, and what brings an import back that nobody is at."""

import logging
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any, BinaryIO, cast

from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import QuerySet
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences import queues, search_texts
from audiences.fields import attributes
from audiences.imports import suppression_list
from audiences.imports.columns import chosen as chosen_columns
from audiences.imports.columns import mappings, new_columns
from audiences.imports.columns.chosen import Chosen
from audiences.imports.columns.headers import Mapping
from audiences.imports.reading import files, samples
from audiences.imports.reading.source import MANY_COLUMNS, NoTable, Source
from audiences.imports.reading.stored_file import PartsFile
from audiences.imports.report import Problems
from audiences.imports.staging import merging
from audiences.imports.staging.outcomes import Lines, Outcome
from audiences.imports.staging.rows import Rows
from audiences.imports.staging.tables import Staging
from audiences.imports.whole_columns import WholeColumns
from audiences.models import Import, ImportProblem
from audiences.quarantine import erased_addresses
from campaign.lib import clock, leases
from campaign.lib.refusals import Refusal

logger = logging.getLogger(__name__)

BATCH = 5_000  # rows that are read and copied at once
WRITTEN = (
    "created",
    "updated",
    "unchanged",
    "repeated",
    "flagged",
    "opted_out",
    "unclear",
    "held_addresses",
)  # counts of the merge
ATTEMPTS = 3

NO_KEY_COLUMN = n_("No column is an external id or an email address. The columns are: %(columns)s.")
EMPTY_FILE = n_("The file is empty.")
BROKEN = n_("The file is broken. Nothing was imported.")
NEW_COLUMNS = n_("Columns of the file can't become attributes. Nothing was imported.")
ASKED = n_("Columns of the file can be read in two ways. Nothing was imported: choose, and import it again.")
SHARED_IDS = n_(
    "External ids stand beside several addresses each. Nothing was imported: of each id only the last row would stay. "
    "Correct the column, or confirm that this is meant."
)
SHARED_ID = n_("The external id “%(id)s” stands beside %(number)d addresses.")
NO_CSV = n_("The file is no CSV. Nothing was imported.")
NO_SUCH_CHOICE = n_("What was chosen doesn't fit the columns of this file. Nothing was imported.")
NO_COLUMN = n_("The file can't be understood. Nothing was imported.")
UNEXPECTED = n_("The import failed for a reason that is not in the file. Nothing was imported.")
DEADLY = n_(
    "The process that read this file ended three times before it was done, most likely because of something in the "
    "file. Nothing was imported. Divide the file, and show the part that fails to your administrator."
)

Progress = Callable[[Import], None]


class TakenOver(Exception):
    """Another run has the import by now: this one writes nothing more."""


def run(
    *, import_id: int, open_file: Callable[[], BinaryIO] | None = None, progress: Progress | None = None
) -> Import:
    """Carry out the import and return it, unless it has ended or another run is at it; twice does no harm.

    `open_file` opens the file anew where it was not stored with the import; `progress` is called after each step.
    A Refusal is raised, and stored with the import, where a rule says no; any other error makes it fail, unless the
    database was away and `wake` can bring it back.
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
    """Enqueue the imports that nobody is at, as their job was lost or their worker died; return their number."""
    waiting = (
        Import.objects.exclude(status__in=Import.FINAL)
        .filter(leases.is_free(), parts__isnull=False)
        .distinct()
    )
    for import_id in waiting.values_list("pk", flat=True):
        queues.IMPORT.enqueue(job_id=f"import-{import_id}", import_id=import_id)
    return len(waiting)


class _NothingCame(Exception):
    """No row of the file came in."""


class _Run:
    """Examines the file, reads it into staging with commits of the progress, then writes all or nothing.

    What is written is one transaction.
    """

    def __init__(
        self, importing: Import, open_file: Callable[[], BinaryIO], progress: Progress | None
    ) -> None:
        self.importing, self.open_file, self.progress = importing, open_file, progress
        self.tables = Staging(importing.pk, importing.token)
        self.lines = Lines(importing.pk, noted=importing.dry_run)
        self.header_key = ""
        self._begin()

    def _begin(self) -> None:
        self.lines.forget()
        self.problems = Problems(on_broken=partial(self.lines.add, Outcome.BROKEN))
        self.mapping = Mapping()
        self.staged, self.is_staged = 0, False
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
                self._leave()

    def _leave(self) -> None:
        """The staged rows go, unless they are what a dry run has to show until the file goes."""
        is_kept = (
            self.importing.parts.exists() or connection.in_atomic_block
        )  # or goes with what is rolled back
        if self.importing.status == Import.Status.CHECKED and is_kept and self.is_staged:
            self.tables.order()
        else:
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
            except merging.Lost as lost:
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
        if not importing.is_final:
            self._note(status=Import.Status.WRITING)
            self._write()

    def _read(self) -> str:
        """Bring the file's rows into staging; says why where nothing may be imported."""
        try:
            source = Source(self.open_file, sheet=self.importing.choices.get("sheet", ""))
            self._complete(source)
            with source.reader(self.problems.add) as reader:
                if self.importing.choices.get("suppression"):
                    return self._suppress(reader, source)
                return self._read_rows(source, reader)
        except NoTable as found:
            self.problems.add(found.line, "", found.reason, found.slots, fatal=True)
            return NO_COLUMN if found.reason == MANY_COLUMNS else NO_CSV

    def _complete(self, source: Source) -> None:
        """The choices have what was saved for files of this header, if that is asked for; the file is read by them."""
        importing = self.importing
        if importing.dry_run or importing.choices.keys() & {"saved", *mappings.ABOUT_COLUMNS}:
            with source.reader() as reader:
                self.header_key = mappings.key_of(reader.header)
            importing.choices = mappings.completed(
                importing.choices, unit=importing.unit, header_key=self.header_key
            )
        source.choose(importing.choices)

    def _read_rows(self, source: Source, reader: files.Reader) -> str:
        header, line, importing = reader.header, reader.header_line, self.importing
        chosen = Chosen(importing.choices, header, self.problems, line)
        self.mapping = new_columns.mapped(header, chosen, declares=importing.declare_attributes)
        settled = self._settle(source, line)
        refused = bool(self.mapping.new) and not self._can_declare(line)
        self._sample(source)
        self._show(source, reader, declares=not refused)
        if not chosen.is_good:
            return NO_SUCH_CHOICE
        if not self.mapping.has_key:
            reason, slots = (
                (NO_KEY_COLUMN, {"columns": ", ".join(header)[:200]}) if header else (EMPTY_FILE, {})
            )
            self.problems.add(line, "", reason, slots, fatal=True)
            return NO_COLUMN
        if refused:
            return NEW_COLUMNS
        if not settled:
            return ASKED
        self._stage(reader.batches(BATCH), reader)
        return BROKEN if self.problems.broken and not importing.keep_good_rows else ""

    def _sample(self, source: Source) -> None:
        if self.importing.dry_run:
            with source.reader() as reader:
                self.importing.samples = samples.of(reader)

    def _suppress(self, reader: files.Reader, source: Source) -> str:
        """What a suppression list names is not written to any more; all of it or nothing."""
        importing = self.importing
        self.mapping = suppression_list.mapping_of(reader.header)
        self._show(source, reader, declares=False)
        with transaction.atomic():
            brought = suppression_list.bring_in(
                reader, self._counted(reader), problems=self.problems, lines=self.lines,
                at=clock.now(), reference=f"import {importing.pk}",
            )  # fmt: skip
            importing.held_addresses, importing.unchanged = brought.new, brought.known
            importing.skipped, importing.cleaned = brought.skipped, brought.cleaned
            if self.problems.broken and not importing.keep_good_rows:
                transaction.set_rollback(True)
                return BROKEN
            if not brought.new and not brought.known:
                transaction.set_rollback(True)
                return suppression_list.NOTHING_NAMED
            if importing.dry_run:
                transaction.set_rollback(True)
            else:
                self._finish(Import.Status.DONE)
        if importing.dry_run:
            brought.stage(self.tables)
            self.is_staged = True
            self._finish(Import.Status.CHECKED)
        return ""

    def _counted(self, reader: files.Reader) -> Iterator[files.Batch]:
        for batch in reader.batches(BATCH):
            self.importing.rows_read += len(batch)
            yield batch

    def _settle(self, source: Source, line: int) -> bool:
        """Columns know how they are written, by all of the file; False where the report asks for a choice."""
        whole = WholeColumns(self.mapping)
        if whole.evidence:
            with source.reader() as reader:
                whole.read(reader.batches(BATCH))
        return whole.settle(self.importing.choices, line=line, problems=self.problems)

    def _can_declare(self, line: int) -> bool:
        by = self.importing.started_by
        return new_columns.can_be_declared(self.mapping, by=by, line=line, problems=self.problems)

    def _show(self, source: Source, reader: files.Reader, *, declares: bool) -> None:
        mapping = self.mapping
        shown = self._table(reader.header)
        new = mapping.new if declares else []
        mapping.columns += new
        self._note(
            choices=self.importing.choices,
            samples=self.importing.samples,
            detected={
                **shown,
                **source.sheets,
                "delimiter": reader.delimiter,
                "encoding": source.written.encoding,
                "bom": source.written.bom,
                "columns": mapping.named,
                "unknown": [column.header for column in mapping.unknown if column not in new],
                "ignored": mapping.ignored,
                "declared": [column.name for column in new],
                "month_first": any(column.order == "month" for column in mapping.columns),
            },
        )

    def _table(self, header: list[str]) -> dict[str, Any]:
        """What a dry run shows of each column, and what files of the same columns are known by."""
        if not self.header_key:
            return {}
        table = chosen_columns.table(self.mapping, header[: samples.MOST_COLUMNS])
        return {"table": table, "header_key": self.header_key}

    def _stage(self, batches: Iterable[files.Batch], reader: files.Reader) -> None:
        self.tables.create(self.mapping)
        self.is_staged = True
        prepared = Rows(self.mapping, self.problems.add, delimiter=reader.delimiter, lines=self.lines)
        for batch in batches:
            self.importing.rows_read += len(batch)
            # Once it is sure that nothing will be imported, the rest is read only for the report.
            if not self.problems.broken or self.importing.keep_good_rows:
                self.staged += self.tables.copy(prepared.as_text(batch))
            self.lines.flush()
            self._note(bytes_read=reader.bytes_read, rows_read=self.importing.rows_read)
        self.importing.cleaned, self.importing.skipped = prepared.cleaned, prepared.skipped

    def _write(self) -> None:
        """The rows are profiles, all of them or none; refused where an id stands for several addresses."""
        try:
            self._merge()
        except _NothingCame:
            # Nothing is declared for nobody: what the merge did is gone, what it counted stays.
            importing = self.importing
            importing.detected = {**importing.detected, "declared": []}
            self._finish(self._done)
        except merging.SharedIds as shared:
            for line, external_id, number in shared.worst:
                slots = {"id": external_id[:80], "number": number}
                self.problems.add(line, "external_id", SHARED_ID, slots)
            self.problems.found += shared.total - len(shared.worst)
            self._finish(Import.Status.REFUSED, message=SHARED_IDS)

    def _merge(self) -> None:
        importing = self.importing
        with transaction.atomic():
            if self.mapping.new:
                assert importing.started_by is not None  # `_run` has asked
                new_columns.declare(self.mapping, by=importing.started_by)
            attributes.require(column.name for column in self.mapping.attributes)
            merging.merge(
                self.tables, importing, self.mapping,
                staged=self.staged, at=clock.now(), report=self.problems.add_many, lines=self.lines,
            )  # fmt: skip
            if self.mapping.new and not self._has_come():
                raise _NothingCame
            if importing.dry_run:
                transaction.set_rollback(True)
            else:
                self._finish(Import.Status.DONE)
                search_texts.wake()
        if importing.dry_run:
            self._finish(Import.Status.CHECKED)

    @property
    def _done(self) -> str:
        return Import.Status.CHECKED if self.importing.dry_run else Import.Status.DONE

    def _has_come(self) -> bool:
        importing = self.importing
        return bool(importing.created or importing.updated or importing.unchanged)

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
        if status != self._done:
            for name in WRITTEN:
                setattr(importing, name, 0)
        importing.bad_rows, importing.problems_found = problems.broken, problems.found
        importing.finished_at, importing.lease_until = clock.now(), None
        if not importing.dry_run:
            importing.samples = []
        importing.save()
        self.lines.store()
        importing.problems.all().delete()  # a dry run's, where this is what it led to
        problems.hide(erased_addresses.are_spelled)
        for problem in problems.kept():
            problem.importing = importing
        ImportProblem.objects.bulk_create(problems.kept(), batch_size=500)
        if status not in (Import.Status.REFUSED, Import.Status.CHECKED):
            importing.parts.all().delete()
        audit.record(
            "finish_dry_run" if importing.dry_run else "finish_import",
            by=importing.started_by,
            target=importing,
            status=status,
            created=importing.created,
            updated=importing.updated,
            broken=problems.broken,
        )
        if self.progress:
            self.progress(importing)
