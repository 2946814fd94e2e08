"""What was appended is there once, whoever dies, and whenever."""

import os
import resource
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import contextmanager
from types import FrameType
from typing import Any

import pytest
from django.db import connections

from audiences.models import Profile
from deliveries.models import Message
from deliveries.tests.factories import DeliveryFactory
from feedback.hits import arrivals, bringing_in, segments
from feedback.hits.arrivals import IncomingHit
from feedback.hits.faults import of_hits
from feedback.models import Hit, HitKind
from feedback.readers.signs import Signs

OPT_OUT = HitKind.UNSUBSCRIBE
STEPS = {"_execute", "_commit", "rename", "unlink"}  # what changes something, in Django and pathlib


def open_of(seq: int, key: int = 1) -> IncomingHit:
    return IncomingHit(key, seq, HitKind.OPEN, signs=Signs("Mozilla/5.0 “ü”"))


def lines() -> list[str]:
    """What waits, taken away as the worker does it."""
    found = []
    with segments.taken() as paths:
        for path in paths:
            found += path.read_text().splitlines()
            path.unlink()
    return found


def numbers(found: list[str]) -> list[int]:
    return [hit.seq for line in found if (hit := arrivals.read(line)) is not None]


def in_child(do: Callable[[], None]) -> int:
    """Return how a process of its own that does this ended."""
    connections.close_all()
    child = os.fork()
    if child == 0:
        try:
            do()
            os._exit(0)
        except BaseException as error:
            print(f"in the child: {error!r}", file=sys.__stderr__)
            os._exit(1)
    return os.waitpid(child, 0)[1]


def test_a_line_says_everything_of_a_hit():
    signs = Signs("Mozilla/5.0 “ü”", "2001:db8:1::/48", "HEAD", True)
    hit = IncomingHit(2**63 - 1, 7, HitKind.CLICK, link=3, signs=signs)

    assert arrivals.read(hit.as_line()) == hit


@pytest.mark.parametrize("line", ["", "{", "[]", "null", '{"torn', '{"delivery_key": "x"}', "\x00\x00"])
def test_a_line_that_is_none_is_passed_over(line):
    assert arrivals.read(line) is None


def test_what_many_threads_append_while_it_is_taken_away_is_taken_once():
    done, found = threading.Event(), []

    def append(first: int) -> None:
        for seq in range(first, first + 200):
            segments.append(open_of(seq).as_line())

    def take() -> None:
        while not done.is_set():
            found.extend(lines())

    writers = [threading.Thread(target=append, args=(1 + 200 * number,)) for number in range(4)]
    takers = [threading.Thread(target=take) for _number in range(2)]
    for thread in writers + takers:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    for thread in takers:
        thread.join()

    assert sorted(numbers(found + lines())) == list(range(1, 801))


def test_what_a_web_process_answered_for_outlives_it():
    answered, tell = os.pipe()

    def answer() -> None:
        for seq in range(1, 10_000):
            segments.append(open_of(seq).as_line(), durable=seq % 50 == 0)
            os.write(tell, seq.to_bytes(4, "big"))

    child = os.fork()
    if child == 0:
        answer()
        os._exit(1)
    os.close(tell)
    last = 0
    while last < 150:
        last = int.from_bytes(os.read(answered, 4), "big")
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    while more := os.read(answered, 4):
        last = int.from_bytes(more, "big")
    os.close(answered)

    found = numbers(lines())

    assert found[:last] == list(range(1, last + 1))
    assert len(found) <= last + 1


def test_a_segment_is_anybody_s_once_its_living_writer_lets_it_go_or_has_died():
    """Another process takes nothing that is written to, and all that was appended before it looked."""
    begun, tell = os.pipe()

    def write_on() -> None:
        for seq in range(1, 100_000):
            segments.append(open_of(seq).as_line())
            os.write(tell, seq.to_bytes(4, "big"))

    writer = os.fork()
    if writer == 0:
        write_on()
        os._exit(1)
    for _number in range(20):
        os.read(begun, 4)
    while_it_lives = numbers(lines())
    os.kill(writer, signal.SIGKILL)
    os.waitpid(writer, 0)
    afterwards = numbers(lines())

    assert while_it_lives[:20] == list(range(1, 21))
    together = while_it_lives + afterwards
    assert together == list(range(1, len(together) + 1))


def test_what_a_process_appends_after_a_fork_is_its_own(monkeypatch):
    monkeypatch.setattr(segments, "SECONDS_UNTIL_KEPT", 60.0)
    segments.append(open_of(1).as_line())

    assert in_child(lambda: segments.append(open_of(2).as_line())) == 0
    segments.append(open_of(3).as_line())

    assert len(list(segments.folder().glob("*.jsonl"))) == 2
    assert sorted(numbers(lines())) == [1, 2, 3]


def test_a_line_for_which_there_is_no_room_leaves_no_half_behind(monkeypatch):
    monkeypatch.setattr(segments, "SECONDS_UNTIL_KEPT", 60.0)
    segments.append(open_of(1).as_line())
    (path,) = segments.folder().glob("*.jsonl")

    with largest_file(path.stat().st_size + 10), pytest.raises(OSError):
        segments.append(open_of(2).as_line())
    segments.append(open_of(3).as_line())

    assert numbers(lines()) == [1, 3]


@contextmanager
def largest_file(octets: int) -> Any:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (octets, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_segment_is_closed_to_others():
    segments.append(open_of(1).as_line())

    (path,) = segments.folder().glob("*.jsonl")

    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_the_doctor_says_how_much_waits_and_since_when(time_machine_of_names):
    assert not list(of_hits(None))

    segments.append(open_of(1).as_line())
    segments.append(open_of(2).as_line())
    (now,) = of_hits(None)
    time_machine_of_names(seconds=-300)
    (later,) = of_hits(None)

    assert (now.code, now.is_fault) == ("hits_wait", False)
    assert (later.code, later.is_fault) == ("hits_not_brought_in", True)
    assert later.text.startswith("2 opens, clicks or opt-outs")


@pytest.fixture
def time_machine_of_names():
    """Segments are begun earlier than they were: their names say when that was."""

    def move(*, seconds: int) -> None:
        for path in segments.folder().glob("*.jsonl"):
            began = (int(path.stem, 16) >> 80) + seconds * 1000
            path.rename(path.with_name(f"{began << 80:032x}.jsonl"))

    return move


@pytest.mark.django_db(transaction=True)
def test_a_worker_that_dies_at_any_step_loses_nothing_and_counts_nothing_twice():
    delivery = DeliveryFactory(finished=True, recipients=3)
    answered = [IncomingHit(delivery.key, seq, kind) for seq in (1, 2, 3) for kind in (HitKind.OPEN, OPT_OUT)]
    for hit in answered:
        segments.append(hit.as_line())

    for step in range(1, 100):
        if in_child(lambda step=step: dying_at(step, bringing_in.bring_in)) == 0:
            break
    else:
        pytest.fail("it never came to its end")

    assert step > 10
    assert sorted(Hit.objects.values_list("id", flat=True)) == sorted(hit.id for hit in answered)
    assert not segments.is_anything_waiting()
    people = Message.objects.filter(delivery=delivery).values("profile_id")
    assert all(Profile.objects.filter(pk__in=people).values_list("no_email", flat=True))


def dying_at(step: int, do: Callable[[], object]) -> None:
    """Kill this process before it takes such a step for the so-manieth time."""
    left = step

    def look(frame: FrameType, event: str, _argument: object) -> None:
        nonlocal left
        if event == "call" and frame.f_code.co_name in STEPS:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.setprofile(look)
    do()
    sys.setprofile(None)
