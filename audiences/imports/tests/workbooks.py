"""Workbooks for tests, written by hand: a few parts of XML in a ZIP."""

import io
import zipfile
from datetime import date, datetime
from typing import Any
from xml.sax.saxutils import escape, quoteattr

_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_TYPE = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_STYLES = (
    f'<styleSheet xmlns="{_MAIN}"><fonts count="1"><font/></fonts><fills count="1"><fill/></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    '<cellXfs count="3"><xf numFmtId="0"/><xf numFmtId="14" applyNumberFormat="1"/>'
    '<xf numFmtId="22" applyNumberFormat="1"/></cellXfs></styleSheet>'
)
_FIRST_DAY = datetime.fromisoformat("1899-12-30")


def workbook_of(
    sheets: dict[str, list[list[Any]]],
    *,
    hidden: set[str] = frozenset(),  # type: ignore[assignment]  # an empty one
    xml: dict[str, str] | None = None,
) -> bytes:
    """A workbook with these sheets; a cell may be a formula with its value; `xml` has sheets as they stand."""
    parts = {"xl/styles.xml": _STYLES}
    named, related, types = "", "", ""
    for number, (name, rows) in enumerate(sheets.items(), 1):
        state = ' state="hidden"' if name in hidden else ""
        named += f'<sheet name={quoteattr(name)} sheetId="{number}"{state} r:id="r{number}"/>'
        related += (
            f'<Relationship Id="r{number}" Type="{_OFFICE}/worksheet" Target="worksheets/s{number}.xml"/>'
        )
        types += f'<Override PartName="/xl/worksheets/s{number}.xml" ContentType="{_TYPE}.worksheet+xml"/>'
        parts[f"xl/worksheets/s{number}.xml"] = (xml or {}).get(name) or sheet_xml(_rows(rows))
    parts["xl/workbook.xml"] = (
        f'<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{named}</sheets></workbook>'
    )
    parts["xl/_rels/workbook.xml.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}/relationships">{related}'
        f'<Relationship Id="st" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>'
    )
    parts["_rels/.rels"] = (
        f'<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="w" Type="{_OFFICE}/officeDocument"'
        ' Target="xl/workbook.xml"/></Relationships>'
    )
    parts["[Content_Types].xml"] = (
        f'<Types xmlns="{_PACKAGE}/content-types"><Default Extension="xml" ContentType="application/xml"/>'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPE}.sheet.main+xml"/>{types}</Types>'
    )
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(parts):
            archive.writestr(name, parts[name])
    return file.getvalue()


def sheet_xml(rows: str) -> str:
    """A sheet with these rows of XML."""
    return f'<worksheet xmlns="{_MAIN}"><sheetData>{rows}</sheetData></worksheet>'


def _rows(rows: list[list[Any]]) -> str:
    return "".join(
        f'<row r="{number}">{"".join(_cell(_column(place) + str(number), cell) for place, cell in enumerate(row))}</row>'
        for number, row in enumerate(rows, 1)
    )


def _column(place: int) -> str:
    name, place = "", place + 1
    while place:
        place, rest = divmod(place - 1, 26)
        name = chr(65 + rest) + name
    return name


def _cell(at: str, cell: Any) -> str:
    match cell:
        case None:
            return ""
        case bool():
            return f'<c r="{at}" t="b"><v>{int(cell)}</v></c>'
        case int() | float():
            return f'<c r="{at}"><v>{cell!r}</v></c>'
        case datetime() | date():
            moment = cell if isinstance(cell, datetime) else datetime.fromisoformat(cell.isoformat())
            style = 2 if isinstance(cell, datetime) else 1
            return f'<c r="{at}" s="{style}"><v>{(moment - _FIRST_DAY).total_seconds() / 86_400!r}</v></c>'
        case (formula, value):
            return f'<c r="{at}"><f>{escape(formula[1:])}</f><v>{value}</v></c>'
    return f'<c r="{at}" t="inlineStr"><is><t xml:space="preserve">{escape(str(cell))}</t></is></c>'
