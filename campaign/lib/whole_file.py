"""A file that is there once it is whole."""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write(parts: Iterable[bytes], file: Path) -> None:
    """The parts are the file, all or nothing; its owner alone may read it. Raise OSError as the disk does."""
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            for part in parts:
                out.write(part)
        Path(name).rename(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
