"""Uploads: a picture, and an archive of files."""

import io
import zipfile
from typing import Any

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 40


def a_zip(files: dict[str, Any], compression: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    """An archive of the files, from their names to their octets."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for name, octets in files.items():
            archive.writestr(name, octets)
    stream.seek(0)
    return stream
