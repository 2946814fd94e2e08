"""Workbooks of other programs for tests, written by hand: ODS, XLS and XLSB with one sheet of texts, numbers and days."""

import io
import struct
import zipfile
from datetime import date
from typing import Any
from xml.sax.saxutils import escape, quoteattr

Rows = list[list[Any]]

ODS_TYPE = "application/vnd.oasis.opendocument.spreadsheet"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_MANIFEST = f'<manifest:manifest xmlns:manifest="{_OASIS}:manifest:1.0"/>'
_FREE, _END, _FAT = 0xFFFFFFFF, 0xFFFFFFFE, 0xFFFFFFFD
_SECTOR = 512
_FIRST_DAY = date(1899, 12, 30)


def ods_of(rows: Rows, *, xml: str = "", kind: str = ODS_TYPE, name: str = "Sheet") -> bytes:
    """An open document with these rows; `xml` are rows as they stand."""
    body = xml or "".join(
        f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>" for row in rows
    )
    content = (
        f'<office:document-content xmlns:office="{_OASIS}:office:1.0" xmlns:table="{_OASIS}:table:1.0"'
        f' xmlns:text="{_OASIS}:text:1.0" office:version="1.3"><office:body><office:spreadsheet>'
        f"<table:table table:name={quoteattr(name)}>{body}</table:table>"
        "</office:spreadsheet></office:body></office:document-content>"
    )
    return _packed({"mimetype": kind, "META-INF/manifest.xml": _MANIFEST, "content.xml": content})


def _ods_cell(cell: Any) -> str:
    match cell:
        case None:
            return "<table:table-cell/>"
        case int() | float():
            return f'<table:table-cell office:value-type="float" office:value="{cell!r}"/>'
        case date():
            return f'<table:table-cell office:value-type="date" office:date-value="{cell.isoformat()}"/>'
    return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'


def xlsb_of(rows: Rows, *, name: str = "Sheet") -> bytes:
    """A binary workbook of Excel with these rows."""
    package = "http://schemas.openxmlformats.org/package/2006"
    sheet = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"
    book = _part(131) + _part(143) + _part(156, struct.pack("<II", 0, 1) + _wide("r1") + _wide(name))
    cells = b"".join(
        _part(0, struct.pack("<I", number) + bytes(13)) + b"".join(map(_xlsb_cell, range(len(row)), row))
        for number, row in enumerate(rows)
    )
    size = struct.pack("<IIII", 0, max(len(rows) - 1, 0), 0, max(map(len, rows), default=1) - 1)
    return _packed(
        {
            "[Content_Types].xml": f'<Types xmlns="{package}/content-types"/>',
            "xl/_rels/workbook.bin.rels": f'<Relationships xmlns="{package}/relationships">'
            f'<Relationship Id="r1" Type="{sheet}" Target="worksheets/s1.bin"/></Relationships>',
            "xl/workbook.bin": book + _part(144) + _part(132),
            "xl/worksheets/s1.bin": _part(129)
            + _part(148, size)
            + _part(145)
            + cells
            + _part(146)
            + _part(130),
        }
    )


def _xlsb_cell(column: int, cell: Any) -> bytes:
    if cell is None:
        return b""
    at = struct.pack("<II", column, 0)
    return _part(6, at + _wide(cell)) if isinstance(cell, str) else _part(5, at + struct.pack("<d", cell))


def _part(kind: int, content: bytes = b"") -> bytes:
    return _varied(kind) + _varied(len(content)) + content


def _varied(number: int) -> bytes:
    low, high = number & 0x7F, number >> 7
    return bytes([low | 0x80]) + _varied(high) if high else bytes([low])


def _wide(text: str) -> bytes:
    return struct.pack("<I", len(text)) + text.encode("utf-16-le")


def xls_of(rows: Rows, *, name: str = "Sheet", stream: str = "Workbook") -> bytes:
    """A workbook of Excel 97 with these rows; another `stream` makes it a file of another program."""
    sheet = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0, 1997, 0, 6))
    for number, row in enumerate(rows):
        sheet += b"".join(_xls_cell(number, column, cell) for column, cell in enumerate(row))
    sheet += _record(0x0A)
    book = _record(0x809, struct.pack("<HHHHII", 0x600, 0x05, 0, 1997, 0, 6)) + _record(0x42, b"\xb0\x04")
    book += b"".join(_record(0xE0, struct.pack("<HH", 0, form) + bytes(16)) for form in (0, 14))
    named = struct.pack("<BBBB", 0, 0, len(name), 0) + name.encode("ascii")
    at = len(book) + 4 + 4 + len(named) + 4  # behind this record and the end of the globals
    return _compound(stream, book + _record(0x85, struct.pack("<I", at) + named) + _record(0x0A) + sheet)


def _xls_cell(row: int, column: int, cell: Any) -> bytes:
    match cell:
        case None:
            return b""
        case int() | float():
            return _record(0x203, struct.pack("<HHHd", row, column, 0, cell))
        case date():
            return _record(0x203, struct.pack("<HHHd", row, column, 1, (cell - _FIRST_DAY).days))
    text = struct.pack("<HB", len(cell), 1) + cell.encode("utf-16-le")
    return _record(0x204, struct.pack("<HHH", row, column, 0) + text)


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _compound(name: str, stream: bytes) -> bytes:
    """A compound file of Microsoft with one stream: a header, one sector of its table, one of names, the stream."""
    stream = stream.ljust(8 * _SECTOR, b"\0")  # a shorter one would stand among the small ones
    stream += bytes(-len(stream) % _SECTOR)
    chain = [*range(3, 2 + len(stream) // _SECTOR), _END]
    header = bytes.fromhex("d0cf11e0a1b11ae1") + bytes(16) + struct.pack("<HHHHH", 0x3E, 3, 0xFFFE, 9, 6)
    header += bytes(6) + struct.pack("<IIIIIIIII", 0, 1, 1, 0, 4096, _END, 0, _END, 0) + _table([0], 109)
    entries = _entry("Root Entry", 5, 1, _END, 0) + _entry(name, 2, _FREE, 2, len(stream)) + bytes(256)
    return header + _table([_FAT, _END, *chain], 128) + entries + stream


def _table(numbers: list[int], size: int) -> bytes:
    return struct.pack(f"<{size}I", *numbers, *[_FREE] * (size - len(numbers)))


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    written = f"{name}\0".encode("utf-16-le")
    head = written.ljust(64, b"\0") + struct.pack("<HBBIII", len(written), kind, 1, _FREE, _FREE, child)
    return head + bytes(36) + struct.pack("<IQ", start, size)


def _packed(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content, zipfile.ZIP_STORED if name == "mimetype" else None)
    return file.getvalue()
