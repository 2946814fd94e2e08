"""Seconds of processor time and megabytes that processes have used, their gone children included."""

import re
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil


def seconds(pids: Sequence[int]) -> float:
    """User and system time of these processes, their living descendants, and children that were waited for."""
    total = 0.0
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            process = psutil.Process(pid)
            for one in [process, *process.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess):
                    times = one.cpu_times()
                    total += times.user + times.system + times.children_user + times.children_system
    return total


def scheduled(pid: int) -> float:
    """Processor time of one process alone, finer than `seconds`; 0 where no schedstat tells it."""
    with suppress(OSError, ValueError):
        return int(Path(f"/proc/{pid}/schedstat").read_text().split()[0]) / 1e9
    return 0.0


class Meter:
    """What each of several groups of processes spends between two moments."""

    def __init__(self, groups: Mapping[str, Sequence[int]]) -> None:
        self.groups = groups
        self.before = self._now()

    def spent(self) -> dict[str, float]:
        now = self._now()
        return {name: now[name] - self.before[name] for name in now}

    def _now(self) -> dict[str, float]:
        return {name: seconds(pids) for name, pids in self.groups.items()}


@contextmanager
def peak_memory(pids: Sequence[int], *, every: float = 0.2) -> Iterator[dict[int, float]]:
    """Yield what becomes pid -> the most megabytes that it, or a child of it, ever held (Linux: VmHWM)."""
    peaks: dict[int, float] = {}
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(every):
            for pid in pids:
                with suppress(psutil.NoSuchProcess):
                    for one in [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]:
                        peaks[one.pid] = max(peaks.get(one.pid, 0.0), _high_water(one.pid))

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield peaks
    finally:
        ended.set()
        thread.join()


def _high_water(pid: int) -> float:
    with suppress(OSError):
        found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
        if found:
            return int(found[1]) / 1024
    return 0.0


def load() -> float:
    """How busy the machine was in the last minute, others included: figures are worth less above its cores."""
    return round(psutil.getloadavg()[0], 1)


def quiet(pids: Sequence[int], *, patience: float = 10.0) -> None:
    """Wait until the children of these processes are gone, so that what they used is counted."""
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        with suppress(psutil.NoSuchProcess):
            if not any(psutil.Process(pid).children() for pid in pids):
                return
        time.sleep(0.05)
