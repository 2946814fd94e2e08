"""What docs/deployment ships runs what the Procfile does, on settings that there are."""

import configparser
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from django.conf import settings
from honcho.environ import parse_procfile

FOLDER = settings.BASE_DIR / "docs" / "deployment"
PROCESSES = {
    name: command
    for name, command in parse_procfile((settings.BASE_DIR / "Procfile").read_text()).processes.items()
    if name != "mail"  # the receiver of a developer's machine
}
PAGE = (settings.BASE_DIR / "docs" / "production.md").read_text()


def unit(name: str) -> configparser.RawConfigParser:
    read = configparser.RawConfigParser(strict=False, interpolation=None)
    read.optionxform = str  # type: ignore[assignment,method-assign]  # names keep their capitals
    read.read_string((FOLDER / "systemd" / f"sinete-{name}@.service").read_text())
    return read


def words(command: str) -> list[str]:
    """The command without its interpreter's place, its setting of the environment and the defaults of its values."""
    plain = re.sub(r"\$\{(\w+):-[^}]*\}", r"${\1}", command)
    said = shlex.split(plain.removeprefix("env SINETE_WEB=1 "))
    return [Path(said[0]).name, *said[1:]]


@pytest.mark.parametrize("name", PROCESSES)
def test_each_process_has_a_unit_with_the_command_of_the_procfile(name):
    service = unit(name)["Service"]

    assert words(service["ExecStart"]) == words(PROCESSES[name])
    assert int(service["TimeoutStopSec"]) >= 5
    assert service["KillMode"] == "mixed"


def test_there_is_no_unit_for_a_process_that_is_none():
    names = {file.name.removesuffix("@.service") for file in (FOLDER / "systemd").glob("*.service")}

    assert names == {f"sinete-{name}" for name in PROCESSES}


def test_systemd_finds_nothing_wrong_with_the_units(tmp_path):
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed")
    for file in (FOLDER / "systemd").iterdir():
        text = file.read_text().replace("/srv/sinete/.venv/bin/python", sys.executable)
        (tmp_path / file.name.replace("@.", "@8000.")).write_text(text)

    said = subprocess.run(
        ["systemd-analyze", "verify", *map(str, sorted(tmp_path.iterdir()))], capture_output=True, text=True
    )

    assert [line for line in said.stderr.splitlines() if "sinete" in line] == []


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    made: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    return made


@pytest.mark.parametrize("name", [name for name in PROCESSES if name != "web"])
def test_each_process_is_a_service_with_the_command_of_the_procfile(compose, name):
    service = compose["services"][name]

    assert words(service["command"]) == words(PROCESSES[name])
    assert service["init"] is True
    assert service["stop_grace_period"] == "10s"


def test_nothing_starts_before_the_migrations_are_done(compose):
    waits = {name: service.get("depends_on", {}) for name, service in compose["services"].items()}

    assert all(waits[name]["migrate"]["condition"] == "service_completed_successfully" for name in PROCESSES)
    assert waits["migrate"] == {"postgres": {"condition": "service_healthy"}}


def test_what_the_services_name_is_declared(compose):
    mounted = {
        each.partition(":")[0]
        for service in compose["services"].values()
        for each in service.get("volumes", [])
    }

    assert mounted == set(compose["volumes"])
    assert (FOLDER / compose["services"]["web"]["env_file"]).with_suffix(".env.example").exists()


def test_the_image_runs_the_web_process_as_the_procfile_does():
    text = (FOLDER / "Containerfile").read_text()
    command = yaml.safe_load(re.search(r"^CMD (.*)$", text, re.M)[1])
    options = shlex.split(PROCESSES["web"])

    assert [word for word in command if word.startswith("--")] == [
        word for word in options if word.startswith("--") and word != "--workers"
    ]
    assert command[-1] == options[-1]
    assert all((settings.BASE_DIR / source).exists() for source in re.findall(r"^COPY (\S+) ", text, re.M))


@pytest.mark.slow
def test_what_the_image_does_while_it_is_built_works_without_a_database(tmp_path):
    environment = {
        "PATH": os.environ["PATH"],
        "SECRET_KEY": "build",
        "DATABASE_URL": "postgres:///none",
        "STATIC_ROOT": str(tmp_path / "static"),
    }

    done = subprocess.run(
        [sys.executable, "manage.py", "collectstatic", "--noinput"],
        cwd=settings.BASE_DIR, env=environment, capture_output=True, text=True,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "static").rglob("*.css"))


def test_every_variable_of_the_example_is_one_that_the_page_explains():
    lines = (FOLDER / "sinete.env.example").read_text().splitlines()
    named = {match[1] for line in lines if (match := re.match(r"(?:# )?([A-Z_]+)=", line))}

    assert {name for name in named if f"`{name}`" not in PAGE} == set()
    assert {"SECRET_KEY", "ALLOWED_HOSTS", "PUBLIC_URL", "DATABASE_URL", "REDIS_URL"} <= named
