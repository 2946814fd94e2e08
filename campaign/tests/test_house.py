"""The house is as docs/architecture.md says, and its rules are held by lint."""

import ast
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from benchmarks import house

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "architecture.md"
PATHS = re.compile(
    r"`((?:accounts|alerts|audiences|campaign|deliveries|feedback|home|inbox|reporting|templates|docs)/[\w./-]+)`"
)


def between(text: str, name: str) -> str:
    return text.partition(f"<!-- {name} -->")[2].partition(f"<!-- /{name} -->")[0].strip()


@pytest.mark.parametrize(
    "page",
    [
        "docs/architecture.md",
        "CONTRIBUTING.md",
        *(f"docs/decisions/{p.name}" for p in (ROOT / "docs/decisions").glob("*.md")),
    ],
)
def test_every_path_that_the_page_names_is_there(page: str) -> None:
    named = PATHS.findall((ROOT / page).read_text())

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_page_shows_who_may_import_whom_as_the_contract_has_it() -> None:
    assert between(PAGE.read_text(), "floors") == house.floors().strip()


def test_each_app_says_which_of_its_rooms_knows_which() -> None:
    """`campaign` is wiring, and `inbox` one room."""
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]
    layered = {room for one in config["contracts"] if one.get("exhaustive") for room in one["containers"]}

    assert layered & set(house.APPS) == set(house.APPS) - {"campaign", "inbox"}


def test_no_file_is_longer_than_may_be() -> None:
    assert house.figures()["too_long"] == {}


def test_nothing_of_our_own_is_imported_inside_a_function() -> None:
    assert house.figures()["own_imports_in_functions"] == []


def test_one_file_writes_the_status_of_a_delivery() -> None:
    assert house.figures()["writers_of_a_deliverys_status"] == ["deliveries/lifecycle/steps.py"]


@pytest.mark.parametrize(
    ("what", "writer"),
    [
        ("the_quarantine", "audiences/quarantine/writer.py"),
        ("a_deliverys_log", "deliveries/lifecycle/log.py"),
    ],
)
def test_one_file_writes(what: str, writer: str) -> None:
    assert house.figures()[f"writers_of_{what}"] == [writer]


def test_the_ledger_alone_writes_the_status_of_a_message() -> None:
    writers = house.figures()["writers_of_a_messages_status"]

    assert {str(Path(name).parent) for name in writers} == {"deliveries/ledger"}


def test_a_public_function_says_which_errors_it_raises() -> None:
    assert house.figures()["errors_unsaid"] == []


@pytest.mark.parametrize(
    ("body", "unsaid"),
    [
        ('"""Do it."""\n    raise NotAllowed(by=by)', ["1 act: NotAllowed"]),
        ('"""Do it; raise NotAllowed."""\n    raise access.NotAllowed()', []),
        ('"""Do it."""\n    try:\n        do()\n    except ValueError:\n        raise', ["1 act: [Rr]aise[sd]?"]),
        ('"""Do it; what `do` raises is raised on."""\n    try:\n        do()\n    except ValueError:\n        raise', []),
        ('def inner():\n        raise NotAllowed\n    return inner', []),
        ("raise NotAllowed", ["1 act: NotAllowed"]),
    ],
)  # fmt: skip
def test_an_error_is_said_where_its_name_stands_in_the_docstring(body: str, unsaid: list[str]) -> None:
    assert list(house.unsaid_errors(ast.parse(f"def act():\n    {body}"))) == unsaid


def test_gettext_has_one_name_for_each_of_its_kinds() -> None:
    assert house.figures()["gettext_misnamed"] == []


@pytest.mark.slow
def test_a_room_that_looks_up_fails_lint(tmp_path: Path) -> None:
    skip = shutil.ignore_patterns("__pycache__", "static")
    for app in house.APPS:
        shutil.copytree(ROOT / app, tmp_path / app, ignore=skip)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "deliveries" / "lifecycle" / "seal.py").open("a") as file:
        file.write("\nfrom deliveries.sending import gate\n")

    done = subprocess.run(
        [sys.executable, "-c", "import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports(no_cache=True))"],
        cwd=tmp_path, env={"PYTHONPATH": str(tmp_path), "PATH": ""}, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 1, done.stdout + done.stderr
    assert "deliveries.lifecycle is not allowed to import deliveries.sending" in " ".join(done.stdout.split())
