"""What `make demo` concludes from its counts."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings

from campaign.stack import demo, pgbouncer

BALANCED: dict[str, Any] = {
    "delivery": "DM1",
    "status": "finished",
    "targeted": 10,
    "excluded": {"no_address": 1, "duplicate": 1},
    "to_deliver": 8,
    "rows": 8,
    "sent": 7,
    "failed": 1,
    "in_doubt": 0,
    "ignored": 0,
    "cancelled": 0,
    "erased": 0,
    "retrying": 0,
    "prepared": 0,
    "received": 7,
    "duplicates": 0,
    "missing": 0,
    "unexpected": 0,
    "seconds": 3.2,
    "seconds_sending": 1.1,
}


def test_books_that_balance_have_no_problems() -> None:
    assert demo.problems(BALANCED) == []


@pytest.mark.parametrize(
    "off",
    [
        {"status": "stopped"},
        {"targeted": 11},
        {"rows": 7},
        {"sent": 6},
        {"sent": 6, "received": 6, "retrying": 1},
        {"received": 8},
        {"duplicates": 1},
        {"missing": 1},
        {"unexpected": 1},
    ],
)
def test_whatever_is_off_is_told(off: dict[str, Any]) -> None:
    assert demo.problems(BALANCED | off)


def test_the_table_shows_the_deployment_block() -> None:
    table = demo.as_table(BALANCED)

    assert "87.50 %" in table
    assert "12.50 %" in table
    assert "Received by the mail server" in table


def test_one_address_has_one_spelling() -> None:
    assert demo._normal("Ana@BÜCHER.example") == demo._normal("ana@xn--bcher-kva.example")


def test_the_demo_keeps_off_a_database_that_somebody_named() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "campaign.stack", "demo"],
        cwd=settings.BASE_DIR,
        env={"PATH": "/usr/bin:/bin", "DATABASE_URL": "postgres:///somebody"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 2
    assert "refused" in done.stderr.lower()


@pytest.mark.waits
@pytest.mark.slow
def test_the_main_job_runs_behind_a_pooler() -> None:
    if pgbouncer.find() is None:
        if os.environ.get("SINETE_NO_SKIPS"):
            pytest.fail(pgbouncer.HOW_TO)
        pytest.skip(pgbouncer.HOW_TO)
    kept = {
        k: v
        for k, v in os.environ.items()
        if not k.startswith("SINETE_") and k not in ("DATABASE_URL", "REDIS_URL")
    }

    done = subprocess.run(
        [sys.executable, "-m", "campaign.stack", "demo", "--json", "--pooled"],
        cwd=settings.BASE_DIR, env=kept, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    account = json.loads(done.stdout)
    assert (account["status"], account["in_doubt"], account["duplicates"]) == ("finished", 0, 0)
