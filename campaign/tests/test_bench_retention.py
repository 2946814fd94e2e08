"""`make bench-retention` at its smallest: what must go goes beside a send, what is held stays, and the books are right."""

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
SMALL = (
    "--messages", "4000", "--pairs", "1", "--deliveries", "2", "--recipients", "10000", "--delay", "30", "--seconds", "1",
    "--full-speed", "--json",
)  # fmt: skip


@pytest.fixture
def bench() -> Iterator["subprocess.Popen[str]"]:
    """A small one that has begun; nothing of it is left, whatever the test does."""
    env = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
    command = [sys.executable, "-m", "campaign.stack", "bench", "retention", *SMALL]
    process = subprocess.Popen(command, cwd=BASE_DIR, env=env, stdout=subprocess.PIPE, text=True)
    yield process
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.mark.waits
@pytest.mark.slow
def test_ranges_and_slices_go_beside_a_send_that_stays_exact(bench):
    said, _error = bench.communicate(timeout=900)

    result = json.loads(said.splitlines()[-1])
    assert result["exact"], result["wrong"]
    assert {way: len(pairs) for way, pairs in result["pairs"].items()} == {"whole": 1, "slices": 1}
    (whole,), (slices,) = result["pairs"]["whole"], result["pairs"]["slices"]
    assert (whole["ranges"], slices["ranges"]) == (1, 0)
    assert whole["rows"] == 2 * slices["rows"] > 0  # one of two deliveries is held
    assert all(pair["alone_per_s"] > 0 and pair["beside_per_s"] > 0 for pair in (whole, slices))
