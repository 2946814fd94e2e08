"""Starts the services of a test run before Django reads its settings, and stops them at its end.

Tests empty their queue before each test and write wherever a setting points, so what the environment names is
never used: somebody works there. A service that exists for tests alone is declared by `SINETE_TEST_DATABASE_URL`
and `SINETE_TEST_REDIS_URL`.
"""

import atexit
import gc
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, groupby, pairwise
from pathlib import Path
from typing import Any

import psutil
import pytest

from campaign.lib import memory
from campaign.stack import database_template, services

# What a shell may name of somebody's real installation: tests neither read nor reach any of it.
OF_AN_INSTALLATION = (
    "DATABASE_URL", "DATABASE_DIRECT_URL", "REDIS_URL", "RELAY_URL", "NOTICES_URL", "PUBLIC_URL",
    "SINETE_EMBEDDED", "SINETE_WEB", "SINETE_INSTANCE", "DEBUG",
)  # fmt: skip

DECLARED = ("SINETE_TEST_DATABASE_URL", "SINETE_TEST_REDIS_URL")
WORKER = "PYTEST_XDIST_WORKER"  # names this process where several run tests side by side
MEMORY = Path("/dev/shm")  # a disk of memory: PostgreSQL keeps its safe settings there and waits for no disk
ROOM = 3 * 1024**3  # bytes that must be free there for each process of tests

_running = ExitStack()
atexit.register(_running.close)


@pytest.hookimpl(wrapper=True)
def pytest_load_initial_conftests(early_config: pytest.Config) -> Iterator[None]:
    """Start the services of the tests before the settings are read.

    Raise pytest.UsageError where one of them can't be started.
    """
    # A wrapper runs before every other plugin's turn, so the settings are read afterwards.
    if "--help" not in sys.argv and "--version" not in sys.argv:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            if _runs_side_by_side(early_config):
                _leave_it_to_the_workers()
            else:
                gc.disable()  # until all is collected: what is loaded until then stays
                _start()
        except services.StackError as error:
            _running.close()
            raise pytest.UsageError(str(error)) from None
    return (yield)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where several processes share the tests, the long ones are begun first: none is left over at the end."""
    if WORKER in os.environ:
        items[:] = dealt(items, int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))


def dealt(items: Sequence[pytest.Item], hands: int) -> list[pytest.Item]:
    """The tests in as many parts of one length as pytest-xdist begins with.

    The first part, or where there are four the first two, begins with what waits for most of its time, one after the
    other, so that the other processes have the processors meanwhile; these begin with what is slow. A module's tests
    of these kinds stay together, since they share what takes long to make.
    """
    kinds: dict[str, list[pytest.Item]] = {"waits": [], "slow": [], "quick": []}
    for item in items:
        kinds[_kind(item)].append(item)
    waiting, slow, quick = (_modules(kinds["waits"]), _modules(kinds["slow"]), kinds["quick"])
    waiters = (2 if hands > 3 else 1) if waiting else 0
    cuts = [len(waiting) * hand // max(waiters, 1) for hand in range(waiters + 1)]
    parts = [list(chain.from_iterable(waiting[start:end])) for start, end in pairwise(cuts)]
    takers: list[list[pytest.Item]] = [[] for _hand in range(hands - waiters)] or parts
    for number, part in enumerate(takers):
        part += chain.from_iterable(slow[number :: len(takers)])
    parts = parts if takers is parts else parts + takers
    for hand, part in enumerate(parts):
        # xdist gives each process its share of what is left.
        room = (len(items) - sum(map(len, parts[:hand]))) // (hands - hand) - len(part)
        part += quick[: max(room, 0)]
        del quick[: max(room, 0)]
    return [*chain.from_iterable(parts), *quick]


def _modules(items: Sequence[pytest.Item]) -> list[list[pytest.Item]]:
    return [list(tests) for _module, tests in groupby(items, key=lambda item: item.path)]


def _kind(item: pytest.Item) -> str:
    return next((name for name in ("waits", "slow") if item.get_closest_marker(name)), "quick")


def pytest_collection_finish() -> None:
    """What was imported and collected stays to the end: nobody looks through it for garbage again and again."""
    memory.keep_what_stands()
    gc.enable()


def pytest_unconfigure(config: Any) -> None:
    _running.close()


def _runs_side_by_side(config: pytest.Config) -> bool:
    """Whether this process (pytest-xdist) runs no test itself: each of its workers has services of its own."""
    return bool(getattr(config.known_args_namespace, "numprocesses", None)) and WORKER not in os.environ


def _leave_it_to_the_workers() -> None:
    if any(os.environ.get(name) for name in DECLARED):
        raise services.StackError(
            f"The services that {' and '.join(DECLARED)} declare serve one process of tests: add ARGS=--numprocesses=0"
        )
    _forget_installations()
    os.environ["DATABASE_URL"], os.environ["REDIS_URL"] = (
        "postgresql://nowhere.invalid/none",
        "redis://nowhere.invalid",
    )
    database_template.prepare()


def _forget_installations() -> None:
    for name in OF_AN_INSTALLATION:
        os.environ.pop(name, None)
    # Many tests start programs of ours; a shell that keeps no compiled files would have each compile all of them anew.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    sys.dont_write_bytecode = False
    os.environ["SINETE_TESTING"] = "1"
    # Whatever tests make is in the first range, unless one asks for others: making a partition takes its time.
    os.environ["SINETE_PARTITION_DELIVERIES"] = "1000000"
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")


def _start() -> None:
    _forget_installations()
    folder = _folder()
    _running.enter_context(services.locked(folder))
    os.environ["STATIC_ROOT"] = str(folder / "static")
    os.environ["SINETE_FEEDBACK_FOLDER"] = str(folder / "feedback")
    os.environ["SINETE_ANCHOR_FOLDER"] = str(folder / "anchor")
    (folder / "static").mkdir(exist_ok=True)
    os.environ["DATABASE_URL"] = os.environ.get("SINETE_TEST_DATABASE_URL") or _postgres(folder / "postgres")
    os.environ["REDIS_URL"] = os.environ.get("SINETE_TEST_REDIS_URL") or _running.enter_context(
        services.valkey(folder / "valkey")
    )


def _postgres(folder: Path) -> str:
    database_template.copy_to(folder)
    return _running.enter_context(services.postgres(folder))


def _folder() -> Path:
    """The folder named by SINETE_TEST_VAR is kept (for --reuse-db); otherwise one that goes with the run."""
    kept = os.environ.get("SINETE_TEST_VAR")
    if kept:
        return Path(kept, os.environ.get(WORKER, ""))
    return Path(_running.enter_context(tempfile.TemporaryDirectory(prefix="sinete-test-", dir=_memory())))


def _memory() -> Path | None:
    """Where memory is the disk, if there is room for every process of this run; None: where temporary files stand."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    if not os.access(MEMORY, os.W_OK):
        return None
    free = min(shutil.disk_usage(MEMORY).free, psutil.virtual_memory().available)
    return MEMORY if free > processes * ROOM else None
