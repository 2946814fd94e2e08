"""A file that is a suppression list: it makes nobody a profile, and nothing that it names is written to."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from tempfile import SpooledTemporaryFile
from typing import IO, Any

from django.utils.translation import gettext_noop as n_

from audiences.fields.fields import TEXT
from audiences.imports.columns import headers, words
from audiences.imports.columns.cells import Converter
from audiences.imports.columns.headers import Column, Mapping
from audiences.imports.reading.files import Batch, Reader, Report
from audiences.imports.report import Problems
from audiences.imports.staging.outcomes import Lines, Outcome
from audiences.imports.staging.rows import NOTHING_KNOWN
from audiences.imports.staging.tables import Staging
from audiences.quarantine import suppressions
from audiences.quarantine.suppressions import Entry

NO_ENTRY = n_("“%(value)s” is neither an address, nor a domain, nor a hash of an address.")
NOTHING_NAMED = n_(
    "Nothing in this file is an address, a domain or a hash of an address, so nobody would be held. "
    "Nothing was imported."
)
NAMES_WHOM = "never_written_to"
SHOWN = ("address", "domain", "hash")  # what a row names, as it is shown

_IN_MEMORY = 4 << 20  # octets
_BLOCK = 1 << 20  # characters
_NAMES = frozenset(
    "domain dominio domains dominios address endereco hash md5 sha1 sha256 email_hash email_md5 email_sha1 email_sha256"
    " hashed_email email_domain".split()
)


def columns(header: list[str]) -> list[int]:
    """The positions of the columns that name what is not written to; the first where no name says so."""
    found = [
        position
        for position, name in enumerate(header)
        if headers.field_of(name) == "email" or words.plain(name) in _NAMES
    ]
    return found or [0]


def mapping_of(header: list[str]) -> Mapping:
    """Which columns are read, for whoever looks; of a file without names they go by their places."""
    read, names = columns(header), list(header)
    if names and suppressions.read(_bare(names[read[0]])):
        names = [f"#{position}" for position in range(len(names))]
    return Mapping(
        columns=[Column(at, names[at], NAMES_WHOM, TEXT) for at in read if at < len(names)],
        ignored=[name for at, name in enumerate(names) if at not in read],
    )


@dataclass(frozen=True, slots=True)
class ListedLine:
    """A line of the list, and what it names."""

    line: int
    entries: list[Entry]


def _spool() -> IO[str]:
    return SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8")


@dataclass(slots=True)
class Brought:
    """What became of a list: how many entries are new, how many rows name nothing new, or nothing at all."""

    new: int = 0
    known: int = 0
    skipped: int = 0
    cleaned: int = 0
    text: IO[str] = field(default_factory=_spool)

    def stage(self, tables: Staging) -> None:
        """What the rows name can be looked at by their lines."""
        tables.create_of(SHOWN)
        self.text.seek(0)
        while lines := self.text.readlines(_BLOCK):
            tables.copy("".join(lines))


def bring_in(
    reader: Reader,
    batches: Iterator[Batch],
    *,
    problems: Problems,
    lines: Lines,
    at: datetime,
    reference: str,
) -> Brought:
    """What the file names is not written to any more, its first row too where that is no row of names.

    A cell that names nothing is reported. `lines` has the rows behind each number, where it notes any.
    """
    brought = Brought()

    def cleaned(line: int, *problem: Any) -> None:
        brought.cleaned += 1
        lines.add(Outcome.CLEANED, line)
        problems.add(line, *problem)

    for rows in _Cells(reader, problems, cleaned).rows(batches):
        new = suppressions.add_some(
            (entry for row in rows for entry in row.entries), at=at, reference=reference
        )
        brought.new += len(new)
        for row in rows:
            outcome = _outcome(row, new)
            brought.known += outcome == Outcome.UNCHANGED
            brought.skipped += outcome == Outcome.SKIPPED
            lines.add(outcome, row.line)
            new.difference_update(row.entries)
        if lines.noted:
            brought.text.writelines(map(_staged, rows))
            lines.flush()
    suppressions.hold_all(at=at, reference=reference)
    return brought


def _outcome(row: ListedLine, new: set[Entry]) -> Outcome:
    if not row.entries:
        return Outcome.SKIPPED
    return Outcome.UNCHANGED if new.isdisjoint(row.entries) else Outcome.HELD


class _Cells:
    """Reads the cells that name something, cleaned as those of a column of addresses are."""

    def __init__(self, reader: Reader, problems: Problems, cleaned: Report) -> None:
        self.reader, self.problems = reader, problems
        self.converter = Converter(report=cleaned, delimiter=reader.delimiter)
        header = reader.header
        self.columns = [Column(at, header[at], "email", TEXT) for at in columns(header) if at < len(header)]

    def rows(self, batches: Iterator[Batch]) -> Iterator[list[ListedLine]]:
        """The rows of each batch; the first row of the file too, where it is no row of names."""
        header, line = self.reader.header, self.reader.header_line
        if self.columns and suppressions.read(_bare(header[self.columns[0].position])):
            yield self._rows(Batch([line], [header]))
        for batch in batches:
            yield self._rows(batch)

    def _rows(self, batch: Batch) -> list[ListedLine]:
        cells = list(zip(*batch.rows, strict=True))
        named = [self.converter.plain(column, cells[column.position], batch.lines) for column in self.columns]
        return [
            ListedLine(line, self._entries(line, found))
            for line, row, *found in zip(batch.lines, batch.rows, *named, strict=True)
            if any(map(str.strip, row))
        ]

    def _entries(self, line: int, cells: list[str]) -> list[Entry]:
        found = []
        for cell in filter(None, cells):
            if entry := suppressions.read(cell[:1_000]):
                found.append(entry)
            else:
                self.problems.add(line, "", NO_ENTRY, {"value": cell[:80]})
        if not any(cells):
            self.problems.add(line, "", NOTHING_KNOWN)
        return found


def _bare(cell: str) -> str:
    return "".join(character for character in cell if character.isprintable())


def _staged(row: ListedLine) -> str:
    """The row as COPY takes it: its line, then what it names of each kind."""
    named: dict[str, list[str]] = {kind: [] for kind in SHOWN}
    for entry in row.entries:
        named[entry.kind if entry.kind in SHOWN else "hash"].append(entry.value)
    cells = [", ".join(values).replace("\\", "\\\\") for values in named.values()]
    return "\t".join([str(row.line), *cells]) + "\n"
