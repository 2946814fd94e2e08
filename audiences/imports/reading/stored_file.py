"""The file of an import, kept in parts in the database until a worker has read it."""

import io
from typing import BinaryIO

from audiences.models import Import, ImportPart

PART = 1 << 20  # octets


def store(file: BinaryIO, importing: Import) -> int:
    """Store the file with the import, in parts; return its octets."""
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
        """Return up to `size` octets of the part that is being read, all of its rest by default; empty at the end."""
        if not self.rest:
            parts = self.importing.parts.filter(number=self.number).values_list("content", flat=True)
            self.rest = bytes(parts.first() or b"")
            self.number += 1
        taken, self.rest = (self.rest, b"") if size < 0 else (self.rest[:size], self.rest[size:])
        return taken
