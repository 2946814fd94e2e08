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
    is_unmarked = style.encoding == ExportStyle.Encoding.UTF_8
    lines = safe_rows(rows, delimiter=style.delimiter)
    return (gone_on(line.removeprefix(BOM) if is_unmarked else line, style=style) for line in lines)


def encoded(parts: Iterable[str], *, by: User) -> Iterator[bytes]:
    """The parts of a file's CSV in the person's encoding, for a `StreamingHttpResponse`."""
    style = of(by)
    for place, part in enumerate(parts):
        yield gone_on(part, style=style) if place else begun(part, style=style)


def begun(text: str, *, style: ExportStyle) -> bytes:
    """The first of a file's CSV, with the mark that its encoding has in front."""
    return gone_on(text if style.encoding == ExportStyle.Encoding.UTF_8 else f"{BOM}{text}", style=style)


def gone_on(text: str, *, style: ExportStyle) -> bytes:
    """What follows in the file."""
    return text.encode("utf-16-le" if style.encoding == ExportStyle.Encoding.UTF_16 else "utf-8", "replace")


def content_type(user: User) -> str:
    """The media type of the person's exports."""
    charset = "utf-16" if of(user).encoding == ExportStyle.Encoding.UTF_16 else "utf-8"
    return f"text/csv; charset={charset}"


def decimal(user: User) -> str:
    """The decimal sign that goes with the delimiter: where `;` separates, a comma does."""
    return "," if of(user).delimiter == ExportStyle.Delimiter.SEMICOLON else "."
