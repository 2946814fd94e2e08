"""Faces print how a delivery stands; which statuses that means is told by `lifecycle/groups.py` and `overview`."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

BASE = Path(settings.BASE_DIR)
FACES = (
    "deliveries/views/*.py", "deliveries/admin/*.py", "deliveries/forms/*.py", "deliveries/templatetags/*.py",
    "deliveries/commands/*.py", "deliveries/desk.py", "deliveries/*/admin.py", "deliveries/**/management/commands/*.py",
    "home/*.py", "home/management/commands/*.py", "campaign/templatetags/*.py",
    "reporting/admin.py", "reporting/pages.py", "reporting/templatetags/*.py", "reporting/management/commands/*.py",
    "reporting/views/*.py", "reporting/reports/*.py", "reporting/scheduled/*pages.py", "reporting/logs/*.py",
    "reporting/retention/*.py", "reporting/persons/*.py",
    "alerts/admin.py", "alerts/context.py", "alerts/forms.py", "alerts/words.py", "alerts/views/*.py", "alerts/management/commands/*.py",
    "feedback/admin.py", "feedback/views.py", "feedback/*pages.py", "feedback/public/*.py", "feedback/subscribing/*.py", "feedback/management/commands/*.py",
)  # fmt: skip
NAMES = (
    "draft|preparing|preparation_failed|awaiting_approval|ready|active|suspended|scheduled|sending|paused|finished|"
    "stopped|expired"
)
NAMED_IN_CODE = re.compile(
    rf"(?<![\w.])Status(?:\.[A-Z]|\()|\bstatus\s*(?:==|!=|in)\s*[\[({{]?\s*[\"'](?:{NAMES})[\"']"
)
NAMED_IN_TEMPLATES = re.compile(rf"\bstatus\s*(?:==|!=|in)\s*[\"'](?:{NAMES})[\"']")


def code() -> Iterator[Path]:
    """The faces, and what of reporting, alerts and feedback speaks to people."""
    return (path for pattern in FACES for path in BASE.glob(pattern))


def templates() -> Iterator[Path]:
    return (path for path in (BASE / "templates").rglob("*.html") if "audiences" not in path.parts)


def named(paths: Iterator[Path], pattern: re.Pattern[str]) -> list[str]:
    return [
        f"{path.relative_to(BASE)}:{number}: {line.strip()}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1)
        if pattern.search(line)
    ]


def test_no_face_names_a_status_of_a_delivery():
    assert named(code(), NAMED_IN_CODE) == []


def test_no_template_names_a_status_of_a_delivery():
    assert named(templates(), NAMED_IN_TEMPLATES) == []


@pytest.mark.parametrize(
    "line",
    [
        "if delivery.status == Status.READY:",
        "label = Status(delivery.status).label",
        'if delivery.status == "paused":',
        'if delivery.status in {"sending", "paused"}:',
    ],
)
def test_a_status_that_is_named_would_be_found(line):
    assert NAMED_IN_CODE.search(line)


@pytest.mark.parametrize(
    "line", ["MessageStatus.FAILED", "StatisticsRun.Status.QUEUED", "choices=Status.choices"]
)
def test_the_statuses_of_other_things_are_left_alone(line):
    assert not NAMED_IN_CODE.search(line)


def test_the_faces_are_where_this_looks():
    assert all(list(BASE.glob(pattern)) for pattern in FACES)
