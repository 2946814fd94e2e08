"""Tests side by side take turns, so that one that needs the machine for itself has it."""

import fcntl
import queue
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from campaign.stack.turns import Turns
from campaign.tests.waiting import PATIENCE


def come_in(folder: Path, inside: "queue.Queue[str]", leave: threading.Event, *, alone: bool) -> None:
    """Somebody waits for a turn, says so and stays until they are told to leave."""

    def stay() -> None:
        with Turns(folder).taken(alone=alone):
            inside.put("alone" if alone else "beside")
            leave.wait(PATIENCE)

    threading.Thread(target=stay, daemon=True).start()


def until_the_door_is_shut(folder: Path) -> None:
    """Somebody stands in the door, waiting for those inside to leave."""
    deadline = time.monotonic() + PATIENCE
    with (folder / "door").open("a") as door:
        while time.monotonic() < deadline:
            try:
                fcntl.flock(door, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                return
            fcntl.flock(door, fcntl.LOCK_UN)
    pytest.fail("nobody waits in the door")


def test_who_needs_no_room_of_their_own_is_inside_with_others(tmp_path):
    with ExitStack() as stack:
        for _ in range(3):
            stack.enter_context(Turns(tmp_path).taken(alone=False))


def test_who_is_alone_waits_for_those_inside_and_lets_nobody_past(tmp_path):
    inside, leave = queue.Queue(), threading.Event()
    with Turns(tmp_path).taken(alone=False):
        come_in(tmp_path, inside, leave, alone=True)
        until_the_door_is_shut(tmp_path)
        come_in(tmp_path, inside, leave, alone=False)
        assert inside.empty()

    assert inside.get(timeout=PATIENCE) == "alone"
    assert inside.empty()
    leave.set()
    assert inside.get(timeout=PATIENCE) == "beside"
