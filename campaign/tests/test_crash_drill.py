"""The crash drill itself, at its smallest: it kills, it compares, it says so, and it leaves nothing behind."""

import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from benchmarks import crash_books, crash_victims
from campaign.tests.databases import database_url
from deliveries.models import Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from inbox.store import Inbox, Received

OF_THE_TESTS = {"DATABASE_URL", "REDIS_URL", "SINETE_TESTING", "STATIC_ROOT", "SINETE_FEEDBACK_FOLDER"}
BASE_DIR = Path(__file__).resolve().parent.parent.parent
PATIENCE = 900  # seconds that a drill may take beside much other work


@pytest.fixture
def folder():
    """Short enough for sockets in it."""
    with tempfile.TemporaryDirectory(prefix="drill-") as made:
        yield Path(made)


@pytest.fixture
def drill(folder):
    """Start a drill in a temporary folder of its own; nothing of it is left, whatever the test does."""
    started = []

    def start(*arguments):
        env = {name: value for name, value in os.environ.items() if name not in OF_THE_TESTS}
        process = subprocess.Popen(
            [sys.executable, "-m", "campaign.stack", "bench", "crash", *arguments],
            cwd=BASE_DIR,
            env={**env, "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def left_behind(folder: Path) -> list[str]:
    """Command lines of processes that work in this folder or name it."""
    found = []
    for process in psutil.process_iter(["cmdline", "cwd", "environ"]):
        info = process.info
        told = [*(info["cmdline"] or []), info["cwd"] or "", *(info["environ"] or {}).values()]
        if process.pid != os.getpid() and any(str(folder) in text for text in told):
            found.append(" ".join(info["cmdline"] or []))
    return found


@pytest.mark.waits
@pytest.mark.slow
def test_a_small_drill_holds_and_leaves_nothing_behind(drill, folder):
    process = drill(
        "--messages", "1000", "--kills", "3", "--seed", "8", "--lease", "3", "--chunk-rows", "100", "--json"
    )

    said, error = process.communicate(timeout=PATIENCE)

    result = json.loads(said.splitlines()[-1])
    # With so few messages three lanes' windows may be more than 5 % of them, so each promise is asked for itself.
    broken = [
        name
        for name in ("lost", "duplicates", "phantom", "misstated", "in_doubt_of_the_living")
        if result[name]
    ]
    assert broken == [], (result, error)
    assert result["in_doubt"] <= result["in_doubt_bound"], (result, error)
    assert result["balanced"], (result, error)
    assert result["ended_by_itself"], (result, error)
    assert sum(result["kills_while_sending"].values()) == 3
    assert result["received"] + result["failed"] + result["in_doubt"] - result["in_doubt_received"] == 1000
    assert left_behind(folder) == []


@pytest.mark.waits
@pytest.mark.slow
def test_a_small_drill_of_those_who_fall_silent_holds(drill):
    process = drill(
        "--messages", "800", "--kills", "3", "--seed", "5", "--lease", "6", "--chunk-rows", "100", "--json",
        "--only", "frozen", "silence", "swallow",
    )  # fmt: skip

    said, error = process.communicate(timeout=PATIENCE)

    result = json.loads(said.splitlines()[-1])
    broken = [name for name in ("lost", "duplicates", "phantom", "misstated") if result[name]]
    assert broken == [], (result, error)
    assert result["in_doubt"] <= result["in_doubt_bound"], (result, error)
    cheated = result["in_doubt_factors"]["connections_cheated_of_answers"]
    assert result["in_doubt_of_the_living"] <= cheated, (result, error)
    assert result["balanced"], (result, error)
    assert result["ended_by_itself"], (result, error)


@pytest.mark.waits
@pytest.mark.slow
def test_an_interrupted_drill_leaves_nothing_behind(drill, folder):
    process = drill("--messages", "1000", "--kills", "3", "--seed", "8")
    while process.poll() is None and not any("rqworker" in line for line in left_behind(folder)):
        time.sleep(0.2)  # each look reads of every process of the machine

    while process.poll() is None:  # Python may swallow the first in a callback: one presses again
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.communicate(timeout=60)

    assert process.returncode == 130
    assert left_behind(folder) == []


def test_each_kind_of_victim_is_drawn_where_there_are_kills_enough():
    for seed in range(20):
        assert set(crash_victims.draw(random.Random(seed), len(crash_victims.WEIGHTS))) == set(
            crash_victims.WEIGHTS
        )
        assert crash_victims.draw(random.Random(seed), 25) == crash_victims.draw(random.Random(seed), 25)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("status", "times", "wrong"),
    [
        (MessageStatus.SENT, 1, set()),
        (MessageStatus.IN_DOUBT, 0, set()),
        (MessageStatus.IN_DOUBT, 1, set()),
        (MessageStatus.SENT, 0, {"phantom"}),
        (MessageStatus.SENT, 2, {"duplicates"}),
        (MessageStatus.PREPARED, 0, {"lost"}),
        (MessageStatus.RETRYING, 0, {"lost"}),
        (MessageStatus.CANCELLED, 0, {"lost"}),
        (MessageStatus.FAILED, 0, {"lost"}),
        (MessageStatus.FAILED, 1, {"misstated"}),
        (MessageStatus.RETRYING, 1, {"misstated"}),
        (MessageStatus.PREPARED, 1, {"misstated"}),
        (MessageStatus.CANCELLED, 1, {"misstated"}),
    ],
)
def test_the_comparison_sees(status, times, wrong, tmp_path):
    delivery = DeliveryFactory(sending=True, recipients=1)
    Message.objects.filter(delivery=delivery).update(status=status)
    record(tmp_path / "inbox", [Message.objects.get(delivery=delivery).address] * times)

    books = crash_books.compare(database_url(), tmp_path / "inbox", delivery_id=delivery.pk)

    assert {name for name in WRONG if books[name]} == wrong


@pytest.mark.django_db(transaction=True)
def test_the_comparison_believes_a_failure_that_the_receiver_remembers_and_no_strange_recipient(tmp_path):
    delivery = DeliveryFactory(sending=True, recipients=1)
    Message.objects.filter(delivery=delivery).update(status=MessageStatus.FAILED)
    address = Message.objects.get(delivery=delivery).address
    record(tmp_path / "inbox", ["stranger@example.com"], refused=[address])

    books = crash_books.compare(database_url(), tmp_path / "inbox", delivery_id=delivery.pk)

    assert {name for name in WRONG if books[name]} == {"strangers"}


WRONG = ("lost", "duplicates", "phantom", "misstated", "strangers")


def record(file: Path, recipients: list[str], *, refused: list[str] = ()) -> None:
    inbox = Inbox(file)
    for recipient in refused:
        inbox.note_refusal(recipient, "550 5.1.1 No")
    raw = b"Message-ID: <%d@example.com>\r\n\r\nhello\r\n"
    inbox.add([Received("", (to,), raw % number, 0.0) for number, to in enumerate(recipients)])
    inbox.close()
