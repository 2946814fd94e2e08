"""Where the running stack of this folder can be reached, for commands started beside it."""

import json
import os
from pathlib import Path

import psutil

from campaign.lib import private

FILE_NAME = "services.json"


def data_folder(base_dir: Path) -> Path:
    """The folder that holds everything the stack keeps; `SINETE_VAR` moves it."""
    return Path(os.environ.get("SINETE_VAR") or base_dir / "var").resolve()


def publish(var: Path, urls: dict[str, str]) -> None:
    """Tell other processes how to reach what this process runs."""
    me = psutil.Process()
    text = json.dumps({"pid": me.pid, "started": me.create_time(), "urls": urls}, indent=2)
    draft = var / f"{FILE_NAME}.new"
    private.write(draft, text)
    draft.replace(var / FILE_NAME)


def withdraw(var: Path) -> None:
    (var / FILE_NAME).unlink(missing_ok=True)


def discover(base_dir: Path) -> dict[str, str]:
    """DATABASE_URL, REDIS_URL and SINETE_EMBEDDED of the stack that runs here; {} where none does."""
    try:
        written = json.loads((data_folder(base_dir) / FILE_NAME).read_text())
        owner = psutil.Process(written["pid"])
        # A process id is used again after a restart of the machine; its start time is not.
        is_same = abs(owner.create_time() - written["started"]) < 2
        return dict(written["urls"]) if is_same else {}
    except (OSError, ValueError, KeyError, TypeError, psutil.Error):
        return {}
