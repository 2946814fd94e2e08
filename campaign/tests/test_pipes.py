"""Whoever stops reading a command's output does not make it fail."""

import os
import subprocess
import sys

from django.conf import settings

WRITER = """
import sys
from campaign.lib import pipes
pipes.outlive_readers()
for number in range(200_000):
    print("line", number)
print("all is done", file=sys.stderr)
"""


def read_one_line(*command: str) -> tuple[str, str, int]:
    """The first line, what was said on stderr, and the exit code, of a command whose output is closed after that."""
    with subprocess.Popen(
        [sys.executable, *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=settings.BASE_DIR,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        line = running.stdout.readline()
        running.stdout.close()
        return line, running.stderr.read(), running.wait()


def test_work_goes_on_to_its_end_when_nobody_reads_any_more():
    assert read_one_line("-c", WRITER) == ("line 0\n", "all is done\n", 0)


def test_a_command_of_ours_ends_well_when_its_reader_is_gone():
    line, said, code = read_one_line("manage.py", "help")

    assert line
    assert (said, code) == ("", 0)
