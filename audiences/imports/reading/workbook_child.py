"""Run as a program of its own: reads a workbook that somebody sent, and writes one sheet of it as CSV.

What reads it is native code over people's input: it may take too long, too much, or fall over, and dies alone then.
Nothing of Sinete is imported here. The last line of its output is a JSON object.
"""

import csv
import json
import re
import resource
import sys
import zipfile
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

MOST_SECONDS = 120  # of processor time
MOST_MEMORY = 2 << 30  # octets
MOST_WRITTEN = 1 << 30  # octets of CSV
MOST_UNPACKED = 2 << 30  # octets of all that is in the workbook
MOST_RATIO = 400  # of unpacked to packed, for what is large
LARGE = 64 << 20  # octets
MOST_COLUMNS = 2_000
MOST_SHEETS = 50
OLE = b"\xd0\xcf\x11\xe0"
# XLSX, XLSB, and the table of an open document, or its text
HOLDING_TABLES = frozenset({"xl/workbook.xml", "xl/workbook.bin", "content.xml"})
OPEN_WORKBOOK = b"application/vnd.oasis.opendocument.spreadsheet"
LOOKED_AT = 20  # rows of each sheet

EXACT = 10**15  # a spreadsheet keeps 15 digits; a larger number has been rounded
_READ_BOTH_WAYS = re.compile(r"-?[1-9]\d{0,2}\.\d{3}").fullmatch


def text(value: Any) -> str:
    """A cell as CSV has it: numbers with a point and no idle .0, days and moments in ISO, line breaks as blanks."""
    if isinstance(value, str):
        return (
            " ".join(value.replace("\0", "\ufffd").splitlines()) if "\n" in value or "\r" in value else value
        )
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return _number(value)
    if isinstance(value, datetime):
        is_day = value.time() == time()
        return value.date().isoformat() if is_day else value.isoformat(" ", "seconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, time):
        return value.isoformat("seconds")
    return str(value) if isinstance(value, timedelta) else ""


def _number(value: int | float) -> str:
    if abs(value) >= EXACT:
        return f"{value:.14E}"  # as spreadsheets show it, so that nobody takes it for an id
    if value == int(value):
        return str(int(value))
    shown = f"{Decimal(f'{value:.15g}'):f}"
    return f"{shown}0" if _READ_BOTH_WAYS(shown) else shown


def check(path: str) -> str:
    """Why the workbook is not opened; empty where it may be."""
    with open(path, "rb") as file:
        if file.read(len(OLE)) == OLE:
            return _check_old(file.read())
    with zipfile.ZipFile(path) as archive:
        entries = archive.infolist()
        names = {entry.filename for entry in entries}
        kind = archive.open("mimetype").read(100) if "mimetype" in names else OPEN_WORKBOOK
    if not names & HOLDING_TABLES or not kind.startswith(OPEN_WORKBOOK):
        return "no_workbook"
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    return "too_large" if unpacked > MOST_UNPACKED or unpacked > max(LARGE, packed * MOST_RATIO) else ""


def _check_old(content: bytes) -> str:
    """The same of what Excel wrote before 2007, Word too, and of a newer one with a password: all begin alike."""
    if _stream("EncryptedPackage") in content:
        return "protected"
    return "" if any(_stream(name) in content for name in ("Workbook", "WORKBOOK", "Book")) else "no_workbook"


def _stream(name: str) -> bytes:
    """How the name of a part is written in such a file; a name ends with a NUL."""
    return f"{name}\0".encode("utf-16-le")


def look(workbook: Any) -> list[dict[str, Any]]:
    """Each sheet that has cells: its name, whether it is shown, and its first rows."""
    found = []
    for sheet in workbook.sheets_metadata[:MOST_SHEETS]:
        if not str(sheet.typ).endswith("WorkSheet"):
            continue
        rows = workbook.get_sheet_by_name(sheet.name).to_python(nrows=LOOKED_AT)
        if rows:
            cells = [[text(cell)[:200] for cell in row[:MOST_COLUMNS]] for row in rows]
            found.append(
                {"name": sheet.name, "shown": str(sheet.visible).endswith(".Visible"), "rows": cells}
            )
    return found


def write(workbook: Any, name: str, target: str) -> str:
    """The sheet is in the file, each row on the line of its number; why not, where it can't be."""
    sheet = workbook.get_sheet_by_name(name)
    if sheet.width > MOST_COLUMNS:
        return "too_wide"
    with open(target, "w", newline="", encoding="utf-8", errors="replace") as file:
        writer = csv.writer(file, lineterminator="\n")
        file.write("\n" * (sheet.start[0] if sheet.start else 0))
        for row in sheet.to_python():
            cells = [text(cell) for cell in row]
            if any(cells):
                writer.writerow(cells)
            else:
                file.write("\n")
    return ""


def main(path: str, target: str, name: str) -> dict[str, Any]:
    """What was done, or the reason why it wasn't; without a name, what sheets there are."""
    if reason := check(path):
        return {"refused": reason}
    from python_calamine import CalamineWorkbook

    workbook = CalamineWorkbook.from_path(path)
    if not name:
        return {"sheets": look(workbook)}
    if name not in workbook.sheet_names:
        return {"refused": "no_sheet"}
    reason = write(workbook, name, target)
    return {"refused": reason} if reason else {"written": name}


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_CPU, (MOST_SECONDS, MOST_SECONDS + 1))
    resource.setrlimit(resource.RLIMIT_AS, (MOST_MEMORY, MOST_MEMORY))
    resource.setrlimit(resource.RLIMIT_FSIZE, (MOST_WRITTEN, MOST_WRITTEN))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    try:
        answer = main(*sys.argv[1:4])
    except MemoryError:
        answer = {"refused": "too_large"}
    except (
        BaseException
    ) as error:  # a panic of native code is no Exception; whatever it is, the file is to blame
        answer = {"refused": "broken", "error": str(error)[:200]}
    print(json.dumps(answer))
