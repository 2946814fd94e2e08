"""What is kept on disk is for the user who runs Sinete alone: addresses and readers' opens and clicks are in it."""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

FOLDER, FILE = 0o700, 0o600
OTHERS = 0o077  # what nobody else may


def folder(path: Path) -> Path:
    """The folder, which is there and closed to others, whoever made it and however long ago."""
    path.mkdir(mode=FOLDER, parents=True, exist_ok=True)
    if path.stat().st_mode & OTHERS:
        _close(path)
    return path


def opened(path: Path, mode: str) -> IO[str]:
    """The file, opened for text; if this makes it, it is closed to others."""
    return open(path, mode, encoding="utf-8", opener=lambda name, flags: os.open(name, flags, FILE))


def write(path: Path, text: str) -> None:
    """The file holds this text, closed to others."""
    with opened(path, "w") as file:
        file.write(text)


def close(path: Path, *, but: tuple[str, ...] = ()) -> None:
    """Everything in the folder that is ours is closed to others, except for the entries `but`.

    Links are not followed, and what belongs to somebody else is left to them.
    """
    for entry in path.iterdir():
        if entry.name in but or entry.is_symlink():
            continue
        _close(entry)
        if entry.is_dir():
            with suppress(PermissionError):
                close(entry)


def _close(path: Path) -> None:
    with suppress(FileNotFoundError, PermissionError):
        mode = path.lstat().st_mode & 0o7777
        if mode & OTHERS:
            path.chmod(mode & ~OTHERS)
