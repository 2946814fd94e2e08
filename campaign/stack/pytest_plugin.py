"""Starts the services of a test run before Django reads its settings, and stops them at its end."""

import atexit
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from campaign.stack import services

_running = ExitStack()
atexit.register(_running.close)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests() -> Iterator[None]:
    # A wrapper runs before every other plugin's turn, so the settings are read afterwards.
    if "--help" not in sys.argv and "--version" not in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            _start()
        except services.StackError as error:
            _running.close()
            raise pytest.UsageError(str(error)) from None
    return (yield)


def pytest_unconfigure(config: Any) -> None:
    _running.close()


def _start() -> None:
    os.environ["SINETE_TESTING"] = "1"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")
    folder = _folder()
    _running.enter_context(services.locked(folder))
    os.environ["STATIC_ROOT"] = str(folder / "static")
    os.environ["SINETE_FEEDBACK_FOLDER"] = str(folder / "feedback")
    os.environ["SINETE_ANCHOR_FOLDER"] = str(folder / "anchor")
    (folder / "static").mkdir(exist_ok=True)
    if not os.environ.get("DATABASE_URL"):
        os.environ["DATABASE_URL"] = _running.enter_context(services.postgres(folder / "postgres"))
    if not os.environ.get("REDIS_URL"):
        os.environ["REDIS_URL"] = _running.enter_context(services.valkey(folder / "valkey"))


def _folder() -> Path:
    """The folder named by SINETE_TEST_VAR is kept (for --reuse-db); otherwise one that goes with the run."""
    kept = os.environ.get("SINETE_TEST_VAR")
    if kept:
        return Path(kept)
    return Path(_running.enter_context(tempfile.TemporaryDirectory(prefix="sinete-test-")))
