"""Reads files of profiles: what they are written in, and their rows with their lines, broken ones told apart."""

import codecs
import csv
import io
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from charset_normalizer import from_bytes
from django.utils.translation import gettext_noop as n_

BLOCK = 1 << 20
SAMPLE = 64 * 1024
DELIMITERS = ",;\t|"
PIECE = 500  # lines that are tried together
MOST_TITLES = 20  # lines above the names of the columns
MOST_WEIGHED = 10_000  # names of columns that are looked at to tell what a line is
MOST_NAMELESS = 50  # columns behind the last name that each row is filled up to
MOST_LINES = 200  # of one row; a quotation mark that nobody closed would swallow the rest of the file

NEVER_CLOSED = n_("A quotation mark is opened here and never closed.")
AFTER_QUOTE = n_("Text stands behind a closing quotation mark.")
TOO_LARGE = n_(
    "A field here is longer than 128 KB: shorten it, or look for a quotation mark before it that is never closed."
)
ABOVE = n_("This line stands above the names of the columns; it was passed over.")
SWALLOWS = n_("A quotation mark opened here swallows the lines after it.")
SHORT_ROW = n_("The row is short: %(found)d fields instead of %(expected)d.")
LONG_ROW = n_("The row is long: %(found)d fields instead of %(expected)d.")
NUL = n_("The row holds NUL characters.")
BAD_BYTES = n_("The row holds bytes that are not valid %(encoding)s.")
NUL_AND_BAD_BYTES = n_("The row holds NUL characters, and bytes that are not valid %(encoding)s.")

# What a byte that the encoding doesn't know becomes, and NUL.
_BAD = re.compile("[\0\udc80-\udcff]")
_WESTERN = re.compile(
    r"(?<=[A-Za-z])[\xaa\xba\xc0-\xd6\xd8-\xf6\xf8-\xff\u2019]|[\xc0-\xd6\xd8-\xf6\xf8-\xff](?=[A-Za-z])"
)

END_OF_FILE = "\x1a"  # Ctrl-Z, as old programs end a file

BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)

# Called with line, field, reason (an English sentence with slots) and slots.
Report = Callable[..., None]


@dataclass(frozen=True, slots=True)
class Written:
    """How a file is written. `suspicious`: some bytes may be invalid or NUL, so each row is looked at."""

    encoding: str
    bom: bool
    suspicious: bool


@dataclass(slots=True)
class Batch:
    """Some rows, each with the line that it begins on."""

    lines: list[int] = field(default_factory=list)
    rows: list[list[str]] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.lines)

    def without(self, left_out: set[int]) -> "Batch":
        """The rows but those on these lines."""
        kept = [(line, row) for line, row in zip(self.lines, self.rows, strict=True) if line not in left_out]
        return Batch([line for line, _row in kept], [row for _line, row in kept])


def examine(file: BinaryIO) -> Written:
    """Read the file once, in blocks, to learn its encoding: UTF-8 if it can be, then what is likely."""
    head = file.read(4)
    for bom, encoding in BOMS:
        if head.startswith(bom):
            return Written(encoding, True, True)
    head += file.read(SAMPLE)
    if unmarked := _utf16_without_mark(head):
        return Written(unmarked, False, True)
    decoder, is_utf8, has_nul, block = codecs.getincrementaldecoder("utf-8")(), True, False, head
    legacy = _Legacy()
    while block:
        has_nul = has_nul or b"\0" in block
        try:
            decoder.decode(block)
        except UnicodeDecodeError:
            is_utf8 = False
            decoder.reset()
        if not block.isascii():
            legacy.look(block)
        block = file.read(BLOCK)
    if is_utf8 or not legacy.prevails:
        return Written("utf-8", False, has_nul or not is_utf8)
    return Written(legacy.likely(), False, True)


def _utf16_without_mark(head: bytes) -> str:
    """UTF-16 where every second octet of plain letters is NUL and none of the others; else empty."""
    head = head[: len(head) // 2 * 2]
    first, second = head[::2].count(0), head[1::2].count(0)
    if first + second < max(len(head) // 5, 1) or min(first, second) > len(head) // 100:
        return ""
    return "utf-16-be" if first > second else "utf-16-le"


class _Legacy:
    """Weighs the lines that are not ASCII: those of UTF-8 against those of an older encoding."""

    def __init__(self) -> None:
        self.utf8 = self.other = 0
        self.sample = b""

    def look(self, block: bytes) -> None:
        # The first and the last line of a block are cut, and might seem broken for that alone.
        for line in block.split(b"\n")[1:-1] or [block]:
            if line.isascii():
                continue
            try:
                line.decode("utf-8")
                self.utf8 += 1
            except UnicodeDecodeError:
                if b"\0" not in line:
                    self.other += 1
                    self.sample += line[:SAMPLE] + b"\n" if len(self.sample) < SAMPLE else b""

    @property
    def prevails(self) -> bool:
        return self.other > self.utf8

    def likely(self) -> str:
        """Accents among plain letters are Western European; other scripts are known by their frequencies."""
        text = self.sample.decode("cp1252", "replace")
        high = sum(not character.isascii() for character in text)
        if len(_WESTERN.findall(text)) * 2 >= high:
            return "cp1252"
        best = from_bytes(self.sample).best()
        # Lines were told apart by their ASCII line breaks, so nothing can be right that has others.
        return best.encoding if best and not best.encoding.startswith(("utf", "iso2022", "hz")) else "cp1252"


class Reader:
    """The rows of a file. Broken ones are reported, never yielded, and cost no good row behind them."""

    def __init__(self, file: BinaryIO, written: Written, report: Report, *, delimiter: str = "") -> None:
        self.written, self.report = written, report
        self.among = delimiter or DELIMITERS
        self.counted = _Counted(file)
        self.text = io.TextIOWrapper(
            io.BufferedReader(self.counted, BLOCK),
            encoding=written.encoding,
            errors="replace" if written.encoding.startswith(("utf-16", "utf-32")) else "surrogateescape",
            newline="",
        )
        self.lines = _Lines(self.text)
        self.delimiter = ","
        self.header: list[str] = []
        self.header_line = 1
        self._named = 0  # columns up to the last one with a name
        self._width = 0  # columns as the header is written

    def read_header(self, weigh: Callable[[list[str]], int]) -> list[str]:
        """The names of the columns; the delimiter is the one that makes most sense of them to `weigh`."""
        first = self._first_line()
        if first.lower().startswith("sep=") and len(first.strip()) == 5:
            self.delimiter = (
                self.among if self.among in DELIMITERS and len(self.among) == 1 else first.strip()[4]
            )
            self.lines.taken()
        else:
            self._pass_over_titles(weigh)
        line, row = next(self._parsed(), (1, []))
        names = [name.strip() for name in row]
        self.header_line, self._width = line, len(names)
        self._named = max((place for place, name in enumerate(names, start=1) if name), default=0)
        self.header = names[: max(1, self._named) + MOST_NAMELESS]
        return self.header

    def _pass_over_titles(self, weigh: Callable[[list[str]], int]) -> None:
        """The next line is the one with the names of the columns: the first, or the first of a few that has any."""
        for _line in islice(self.lines, MOST_TITLES):
            pass
        seen = list(self.lines.pending)
        weighed = [_best_delimiter(line, weigh, self.among) for line in seen]
        places = [
            place for least in (2, 1) for place, (_delimiter, worth) in enumerate(weighed) if worth >= least
        ]
        place = places[0] if places else 0
        self.delimiter = weighed[place][0] if weighed else self.among[0]
        self.lines.give_back(self.lines.taken(0))
        for _title in range(place):
            title = next(self.lines)
            if title.strip():
                self.report(self.lines.number + 1, "", ABOVE)
            self.lines.taken()

    def batches(self, size: int) -> Iterator[Batch]:
        """The good rows after the header, some thousands at once."""
        batch = Batch()
        for piece in self._pieces():
            batch.lines += piece.lines
            batch.rows += piece.rows
            if len(batch) >= size:
                yield batch
                batch = Batch()
        if batch:
            yield batch

    def _pieces(self) -> Iterator[Batch]:
        """Lines that are plainly a row each go the short way; one that is not sends its piece the long way."""
        parsed = self._parsed(len(self.header))
        while True:
            if piece := self._plain():
                yield piece
                continue
            piece = Batch()
            for line, row in parsed:
                piece.lines.append(line)
                piece.rows.append(row)
                if not self.lines.again:
                    break
            if not piece:
                return
            yield piece

    def _plain(self) -> Batch | None:
        """The next lines if each of them is one good row; otherwise they are given back."""
        if self.lines.again:
            return None
        lines = list(islice(self.text, PIECE))
        if not lines:
            return None
        try:
            rows = list(csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=True))
        except csv.Error:
            rows = []
        good = len(rows) == len(lines) and END_OF_FILE not in lines[-1]
        if good and {len(self.header)} != set(map(len, rows)):
            rows = [self._fitted(row) for row in rows]
            good = {len(self.header)} == set(map(len, rows))
        if not good or (self.written.suspicious and _BAD.search("".join(lines))):
            self.lines.give_back(lines)
            return None
        first = self.lines.number + 1
        self.lines.number += len(lines)
        return Batch(list(range(first, first + len(rows))), rows)

    def _fitted(self, row: list[str]) -> list[str]:
        """The row without fields that are empty or beyond the header's, and with those that have no name there."""
        expected = len(self.header)
        if len(row) > expected and (len(row) <= self._width or not any(map(str.strip, row[expected:]))):
            return row[:expected]
        if 1 < len(row) < expected and len(row) >= self._named:
            return row + [""] * (expected - len(row))
        return row

    def _first_line(self) -> str:
        """The next line that is not blank; it stays at hand."""
        for line in self.lines:
            if line.strip():
                return line
            self.lines.taken()
        return ""

    def _parsed(self, expected: int | None = None) -> Iterator[tuple[int, list[str]]]:
        lines, suspicious = self.lines, self.written.suspicious
        reader = csv.reader(lines, delimiter=self.delimiter, strict=True, skipinitialspace=True)
        while True:
            reason, values = "", []
            slots: dict[str, object] = {}
            try:
                values = next(reader)
            except StopIteration:
                return
            except _TooLong:
                reason = NEVER_CLOSED
            except csv.Error as error:
                reason = _reason_of(error)
            if not reason:
                if not values or values == [END_OF_FILE]:
                    lines.taken()
                    continue
                values = values if expected is None else self._fitted(values)
                if suspicious and (found := set(_BAD.findall("".join(lines.pending)))):
                    reason = BAD_BYTES if found - {"\0"} else NUL
                    reason = NUL_AND_BAD_BYTES if len(found) > 1 and "\0" in found else reason
                    slots = {} if reason == NUL else {"encoding": self.written.encoding.upper()}
                elif expected is not None and len(values) != expected:
                    reason = SHORT_ROW if len(values) < expected else LONG_ROW
                    slots = {"found": len(values), "expected": expected}
                else:
                    line = lines.number + 1
                    lines.taken()
                    yield line, values
                    continue
            self._blame(reason, slots)

    def _blame(self, reason: str, slots: dict[str, object]) -> None:
        """Report the row's first line as broken and read on behind it."""
        several = len(self.lines.pending) > 1
        if several and reason not in (NEVER_CLOSED, TOO_LARGE):
            reason, slots = SWALLOWS, {}
        self.report(self.lines.number + 1, "", reason, slots, fatal=True)
        self.lines.give_back(self.lines.taken(1))

    @property
    def bytes_read(self) -> int:
        return self.counted.count


class _TooLong(Exception):
    """A row spans more lines than any real one does."""


class _Lines:
    """Hands physical lines to the CSV reader; keeps those of the row at hand so that they can be read again."""

    def __init__(self, source: Iterator[str]) -> None:
        self.source, self.number = source, 0
        self.pending: list[str] = []
        self.again: list[str] = []

    def __iter__(self) -> "_Lines":
        return self

    def __next__(self) -> str:
        line = self.again.pop() if self.again else next(self.source)
        self.pending.append(line)
        if len(self.pending) > MOST_LINES:
            raise _TooLong
        return line

    def taken(self, how_many: int | None = None) -> list[str]:
        """The row's lines, or its first ones, are done with; the others come back."""
        done = len(self.pending) if how_many is None else how_many
        self.number += done
        rest = self.pending[done:]
        self.pending = []
        return rest

    def give_back(self, lines: list[str]) -> None:
        self.again.extend(reversed(lines))


class _Counted(io.RawIOBase):
    """Counts what was read, for the progress of a file that is read in blocks."""

    def __init__(self, file: BinaryIO) -> None:
        self.file, self.count = file, 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a memoryview is what its reader gives
        block = self.file.read(len(buffer))
        buffer[: len(block)] = block
        self.count += len(block)
        return len(block)


def _reason_of(error: csv.Error) -> str:
    said = str(error)
    if "field limit" in said:
        return TOO_LARGE
    return AFTER_QUOTE if "expected after" in said else NEVER_CLOSED


def _best_delimiter(line: str, weigh: Callable[[list[str]], int], among: str) -> tuple[str, int]:
    """The delimiter that makes most sense of a line, and how many names it has then that are known."""
    line = line[:SAMPLE]

    def worth(delimiter: str) -> tuple[int, int]:
        try:
            names = next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), [])
        except csv.Error:
            return 0, 0
        return weigh(names[:MOST_WEIGHED]), len(names)

    best = max(among, key=worth)
    return best, worth(best)[0]
