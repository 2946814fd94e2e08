"""The drill of opens and clicks at its smallest: web, hits, Valkey and PostgreSQL die, and nothing that was answered is lost."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BASE_DIR = Path(__file__).resolve().parent.parent.parent
OF_THE_TESTS = {"DATABASE_URL", "REDIS_URL", "SINETE_TESTING", "STATIC_ROOT", "SINETE_FEEDBACK_FOLDER"}


@pytest.mark.alone
@pytest.mark.slow
def test_whatever_is_killed_while_readers_ask_what_was_answered_is_there():
    env = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}

    done = subprocess.run(
        [sys.executable, "-m", "campaign.stack", "bench", "hits", "--drill", "--kills", "4", "--messages", "4000", "--json"],
        cwd=BASE_DIR, env=env, capture_output=True, text=True, timeout=200,
    )  # fmt: skip

    result = json.loads(done.stdout.splitlines()[-1])
    assert result["kills"] == {"web": 1, "hits": 1, "valkey": 1, "postgres": 1}
    assert (result["missing_of_answered"], result["doubled"], result["never_asked"]) == (0, 0, 0), result
    assert result["other_answers"] < 0.001 * result["answers"], result
