"""A file that is a suppression list: it makes nobody a profile, and nothing that it names is written to."""

from collections.abc import Iterator

from django.utils.translation import gettext_noop as n_

from audiences import suppressions
from audiences.imports import headers, words
from audiences.imports.files import Batch, Reader
from audiences.imports.report import Problems
from audiences.suppressions import Entry

NO_ENTRY = n_("“%(value)s” is neither an address, nor a domain, nor a hash of an address.")

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


def entries(reader: Reader, batches: Iterator[Batch], problems: Problems) -> Iterator[Entry]:
    """What the file names, row by row; its first row too, if that is no row of names. Others are reported."""
    positions = columns(reader.header)
    if len(reader.header) > positions[0] and (first := suppressions.read(reader.header[positions[0]])):
        yield first
    for batch in batches:
        for line, row in zip(batch.lines, batch.rows, strict=True):
            cells = [row[position].strip() for position in positions if row[position].strip()]
            for cell in cells:
                entry = suppressions.read(cell[:1_000])
                if entry:
                    yield entry
                else:
                    problems.add(line, "", NO_ENTRY, {"value": cell[:80]})
