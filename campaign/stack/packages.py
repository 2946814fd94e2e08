"""Programs of the distribution that tests need: found, or installed where that is allowed."""

import os
import shutil
import subprocess

from campaign.stack.errors import StackError


def ensure(package: str, *, found: str | None, how_to: str) -> None:
    """The package is there, installed by apt-get where it is missing and allowed. Raises StackError with `how_to`."""
    if found:
        return
    if os.geteuid() != 0 or not shutil.which("apt-get"):
        raise StackError(how_to)
    print(f"Installing {package} for the tests …", flush=True)
    quiet = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (["update", "-qq"], ["install", "-qq", "-y", "--no-install-recommends", package]):
        done = subprocess.run(["apt-get", *command], env=quiet, stdout=subprocess.DEVNULL, check=False)
        if done.returncode:
            raise StackError(f"apt-get {command[0]} failed. {how_to}")
