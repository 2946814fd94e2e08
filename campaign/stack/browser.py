"""Sees to it that the browser tests have their browser."""

import os
import shutil
import subprocess

from campaign.stack.errors import StackError

HOW_TO = (
    "The browser tests need chromium. Install it (Debian, Ubuntu: apt-get install chromium) or set CHROMIUM."
)


def find() -> str | None:
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


def ensure() -> str:
    """The path of chromium, installed from the distribution where that is missing and allowed."""
    if found := find():
        return found
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise StackError(HOW_TO)
    print("Installing chromium for the browser tests …", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", "chromium"]):
        done = subprocess.run(["apt-get", *command], env=quiet, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise StackError(f"apt-get {command[0]} failed. {HOW_TO}")
    if found := find():
        return found
    raise StackError(HOW_TO)
