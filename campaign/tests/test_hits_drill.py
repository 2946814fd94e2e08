"""The drill of opens and clicks at its smallest: web, hits, Valkey and PostgreSQL die, what was answered is there."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent.parent
OF_THE_TESTS = {"DATABASE_URL", "REDIS_URL", "SINETE_TESTING", "STATIC_ROOT", "SINETE_FEEDBACK_FOLDER"}
SMALL = ("--drill", "--kills", "4", "--messages", "4000", "--json")


@pytest.fixture
def drill() -> Iterator["subprocess.Popen[str]"]:
    """A small one that has begun; nothing of it is left, whatever the test does."""
    env = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
    command = [sys.executable, "-m", "campaign.stack", "bench", "hits", *SMALL]
    process = subprocess.Popen(command, cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.mark.waits
@pytest.mark.slow
def test_whatever_is_killed_while_readers_ask_what_was_answered_is_there(drill):
    said, _error = drill.communicate(timeout=900)

    result = json.loads(said.splitlines()[-1])
    assert result["kills"] == {"web": 1, "hits": 1, "valkey": 1, "postgres": 1}
    assert (result["missing_of_answered"], result["doubled"], result["never_asked"]) == (0, 0, 0), result
    assert result["other_answers"] < 0.001 * result["answers"], result
