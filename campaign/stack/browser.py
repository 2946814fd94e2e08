"""Sees to it that the browser tests have their browser."""

import os
import shutil

from campaign.stack import packages
from campaign.stack.errors import StackError

HOW_TO = (
    "The browser tests need chromium. Install it (Debian, Ubuntu: apt-get install chromium) or set CHROMIUM."
)


def find() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def ensure() -> str:
    """Return the path of chromium, installed from the distribution where that is needed and allowed.

    Raise StackError where it can't be had.
    """
    packages.ensure("chromium", found=find(), how_to=HOW_TO)
    if found := find():
        return found
    raise StackError(HOW_TO)
