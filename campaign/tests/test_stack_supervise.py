import os
import signal
import subprocess
import sys

import psutil
import pytest

from campaign.stack import supervise


@pytest.fixture
def supervised():
    """Start a supervisor of a shell command; it is gone at the end, with all it started."""
    started = []

    def start(command, **env):
        process = subprocess.Popen(
            [sys.executable, "-m", "campaign.stack", "supervise", command],
            env={**os.environ, **env},
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.terminate()
        process.wait(10)
        process.stdout.close()


def test_a_process_that_dies_begins_again(supervised):
    process = supervised("sh -c 'echo begun; exit 3'")

    said = [process.stdout.readline().strip() for _ in range(3)]

    assert said == ["begun", "ended with 3; starts again in 0.5 s", "begun"]


def test_told_to_stop_it_lets_the_process_end_well(supervised):
    process = supervised(
        "sh -c 'trap \"echo drained; exit 0\" TERM; echo begun; while :; do sleep 0.1; done'"
    )
    assert process.stdout.readline() == "begun\n"

    process.send_signal(signal.SIGTERM)

    assert process.stdout.readline() == "drained\n"
    assert process.wait(10) == 0


def test_it_ends_with_the_stack_that_was_killed(supervised):
    stack = subprocess.Popen(["sleep", "60"])
    process = supervised("sh -c 'echo $$; exec sleep 60'", SINETE_STACK_PID=str(stack.pid))
    child = int(process.stdout.readline())

    stack.kill()
    stack.wait()

    assert process.wait(10) == 0
    assert not psutil.pid_exists(child)


def test_a_stack_that_ends_between_two_looks_at_it_is_gone(monkeypatch):
    stack = subprocess.Popen(["sleep", "60"])
    process = psutil.Process(stack.pid)
    monkeypatch.setattr(process, "is_running", lambda: True)  # as it was a moment before
    stack.kill()
    stack.wait()

    assert supervise.is_gone(process)


@pytest.mark.skipif(sys.platform != "linux", reason="Linux tells a process of its parent's death")
def test_its_process_does_not_outlive_a_killed_supervisor(supervised):
    process = supervised("sh -c 'echo $$; exec sleep 60'")
    child = psutil.Process(int(process.stdout.readline()))

    process.kill()

    psutil.wait_procs([child], timeout=10)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
