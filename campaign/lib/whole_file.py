"""A file that is there once it is whole."""

import errno
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path


def write(parts: Iterable[bytes], file: Path) -> None:
    """The parts are the file, all or nothing; its owner alone may read it. A link stays, and leads to it.

    Raise OSError as the disk does, and for what is no regular file: a device or a pipe is not replaced.
    """
    file = file.resolve()
    if file.exists() and not file.is_file():
        raise OSError(errno.EINVAL, "it is no regular file", str(file))
    handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(handle, "wb") as out:
            for part in parts:
                out.write(part)
        Path(name).rename(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
