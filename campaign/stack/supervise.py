"""Keeps one process alive: begins it again when it dies, ends it when told to, and with the stack."""

import ctypes
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress

import psutil

# The process manager kills after 5 seconds what was asked to end; the child is in a group of its own.
SECONDS_TO_END = 4.5
LONG_ENOUGH = 10  # a process that ran this long had begun well
LONGEST_PAUSE = 15.0
PR_SET_PDEATHSIG = 1


class Supervisor:
    """Runs a shell command again and again until SIGTERM."""

    def __init__(self, command: str, *, first_pause: float = 0.5) -> None:
        self.command = command
        self.first_pause = first_pause
        self.child: subprocess.Popen[bytes] | None = None
        self.stopping = threading.Event()

    def run(self) -> int:
        """Return once told to stop and the child is gone."""
        signal.signal(signal.SIGTERM, lambda *_: self.stop())
        signal.signal(signal.SIGINT, lambda *_: self.stop())
        pause = self.first_pause
        while not self.stopping.is_set():
            began = time.monotonic()
            code = self._run_once()
            if self.stopping.is_set():
                break
            if time.monotonic() - began > LONG_ENOUGH:
                pause = self.first_pause
            print(f"ended with {code}; starts again in {pause:g} s", flush=True)
            self.stopping.wait(pause)
            pause = min(pause * 2, LONGEST_PAUSE)
        return 0

    def stop(self) -> None:
        """Ask the child to end, and end it if it doesn't."""
        self.stopping.set()
        child = self.child
        if child is None or child.returncode is not None:
            return
        child.send_signal(signal.SIGTERM)
        end = threading.Timer(SECONDS_TO_END, self._kill, [child.pid])
        end.daemon = True
        end.start()

    def _run_once(self) -> int:
        # The signal must not fall between the look at `stopping` and the start of the child.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
        try:
            if self.stopping.is_set():
                return 0
            self.child = subprocess.Popen(
                f"exec {self.command}", shell=True, start_new_session=True, preexec_fn=_go_with_parent
            )
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        return self.child.wait()

    def _kill(self, group: int) -> None:
        with suppress(OSError):
            os.killpg(group, signal.SIGKILL)


def _go_with_parent() -> None:
    """In the child: a clean set of signals, and an end if its supervisor is killed (Linux)."""
    signal.pthread_sigmask(signal.SIG_SETMASK, set())
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def end_with(owner: int, supervisor: Supervisor, *, every: float = 1.0) -> None:
    """Stop when the stack that started us is gone, even if it was killed and could not say so."""
    try:
        process = psutil.Process(owner)
    except psutil.NoSuchProcess:
        os.kill(os.getpid(), signal.SIGTERM)
        return

    def watch() -> None:
        while not is_gone(process):
            if supervisor.stopping.wait(every):
                return
        os.kill(os.getpid(), signal.SIGTERM)

    threading.Thread(target=watch, daemon=True).start()


def is_gone(process: psutil.Process) -> bool:
    """Whether it runs no more, be it that it ends while this looks."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def main(command: str) -> int:
    supervisor = Supervisor(command)
    if owner := os.environ.get("SINETE_STACK_PID"):
        end_with(int(owner), supervisor)
    return supervisor.run()
