"""How a person's exports are written: delimiter and encoding, remembered by person; all files of theirs follow it."""

from collections.abc import Iterable, Iterator
from typing import Any

from accounts.models import User
from audiences.models import ExportStyle
from campaign.lib.csv import BOM, safe_rows


def of(user: User) -> ExportStyle:
    """What the person chose last; commas and UTF-8 with a mark for who never chose."""
    return ExportStyle.objects.filter(user=user).first() or ExportStyle(user=user)


def remember(*, user: User, delimiter: str, encoding: str) -> ExportStyle:
    """The person's files are written so from now on; what is no choice leaves it as it was."""
    known = delimiter in ExportStyle.Delimiter.values and encoding in ExportStyle.Encoding.values
    if not known:
        return of(user)
    values = {"delimiter": delimiter, "encoding": encoding}
    return ExportStyle.objects.update_or_create(user=user, defaults=values)[0]


def written(rows: Iterable[Iterable[Any]], *, by: User) -> Iterator[bytes]:
    """The rows as CSV in the person's style, for a `StreamingHttpResponse`."""
    style = of(by)
    lines = safe_rows(rows, delimiter=style.delimiter)
    return _encoded(lines, style.encoding)


def _encoded(lines: Iterator[str], encoding: str) -> Iterator[bytes]:
    for line in lines:
        if encoding == ExportStyle.Encoding.UTF_16:
            yield line.encode("utf-16-le", "replace")  # the mark in front of all is the encoding's own
        else:
            bare = line.removeprefix(BOM) if encoding == ExportStyle.Encoding.UTF_8 else line
            yield bare.encode("utf-8", "replace")


def content_type(user: User) -> str:
    """The media type of the person's exports."""
    charset = "utf-16" if of(user).encoding == ExportStyle.Encoding.UTF_16 else "utf-8"
    return f"text/csv; charset={charset}"


def decimal(user: User) -> str:
    """The decimal sign that goes with the delimiter: where `;` separates, a comma does."""
    return "," if of(user).delimiter == ExportStyle.Delimiter.SEMICOLON else "."
