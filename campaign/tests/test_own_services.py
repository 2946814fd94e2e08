"""Tests bring services of their own: what the environment names is somebody's installation."""

import os
import subprocess
import sys
from pathlib import Path

import redis

from campaign.stack import services

ROOT = Path(__file__).resolve().parents[2]


def run_a_test(*args, **named):
    """A run of pytest with the environment of somebody who works on an installation."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SINETE_", "PYTEST_"))}
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "campaign/tests/test_numbers.py", *args],
        cwd=ROOT, env={**kept, "DATABASE_URL": "postgresql://127.0.0.1:1/production", **named},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_redis_that_the_environment_names_keeps_what_it_holds(tmp_path):
    with services.valkey(tmp_path / "valkey") as url:
        somebodys = redis.Redis.from_url(url)
        somebodys.set("orders", "waiting")

        done = run_a_test(REDIS_URL=url)

        assert done.returncode == 0, done.stdout + done.stderr
        assert somebodys.get("orders") == b"waiting"


def test_a_service_that_is_declared_as_the_tests_own_is_used(tmp_path):
    with services.valkey(tmp_path / "valkey") as url:
        for_tests = redis.Redis.from_url(url)
        for_tests.set("left by an earlier test", "x")

        done = run_a_test(SINETE_TEST_REDIS_URL=url)

        assert done.returncode == 0, done.stdout + done.stderr
        assert not for_tests.keys()


def test_tests_side_by_side_have_services_of_their_own_each():
    done = run_a_test("-v", "--numprocesses=2", REDIS_URL="redis://127.0.0.1:1")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 workers" in done.stdout


def test_a_service_that_is_declared_serves_no_tests_side_by_side():
    done = run_a_test("--numprocesses=2", SINETE_TEST_REDIS_URL="redis://127.0.0.1:1")

    assert done.returncode != 0
    assert "add ARGS=--numprocesses=0" in done.stderr
