"""The commands of docs/tutorial.md, as a shell would take them apart: for the test that runs them and the pictures."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

TUTORIAL = Path(__file__).with_name("tutorial.md")
MADE = "DM95"  # stands for the delivery that `create_delivery` makes


def told() -> Iterator[list[str]]:
    """Each command without its program. Raise ValueError for a line that is no command of ours."""
    for block in re.findall(r"```sh\n(.*?)```", TUTORIAL.read_text("utf-8"), re.S):
        for line in block.splitlines():
            program, *words = shlex.split(line)
            if program != "manage.py":
                raise ValueError(line)
            yield words
