import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from campaign.stack import messages, run, services
from campaign.stack.errors import StackError


@pytest.fixture
def stack(tmp_path):
    """Call `python -m campaign.stack` with a data folder of its own, and wait for its end."""

    def call(*arguments, **env):
        clean = {
            k: v for k, v in os.environ.items() if k not in ("DATABASE_URL", "REDIS_URL", "SINETE_TESTING")
        }
        return subprocess.run(
            [sys.executable, "-m", "campaign.stack", *arguments],
            env={**clean, "SINETE_VAR": str(tmp_path / "var"), **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return call


def test_a_taken_port_is_named_with_a_way_on(stack):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = stack("run", PORT=str(port))

    assert done.returncode == 2
    assert f"Port {port} (web) is taken" in done.stderr
    assert f"PORT={port + 1} make run" in done.stderr
    assert "Traceback" not in done.stderr


def test_two_of_its_own_ports_that_are_the_same_are_named(stack):
    done = stack("run", PORT="18433", INBOX_PORT="18433")

    assert done.returncode == 2
    assert "INBOX_PORT and PORT are both 18433" in done.stderr


def test_a_host_that_is_not_here_is_named(stack):
    done = stack("run", PORT="18434", HOST="192.0.2.1")

    assert done.returncode == 2
    assert "HOST=192.0.2.1 can't be listened at" in done.stderr


def test_ports_are_held_until_the_processes_take_them():
    ports = {"web": "18435", "mail": "18436", "inbox": "18437"}

    with run._held(ports, host=None), pytest.raises(StackError, match="is taken"):
        run._held({"mail": "18436"}, host=None).__enter__()

    with run._held(ports, host=None):
        pass


@pytest.mark.parametrize("port", ["web", "0", "65536"])
def test_what_is_no_port_is_named(stack, port):
    done = stack("run", MAIL_PORT=port)

    assert done.returncode == 2
    assert done.stderr.startswith(f"MAIL_PORT={port} is no port")


@pytest.mark.parametrize("command", [["reset"], ["demo"], ["bench", "send"]])
def test_programs_that_wipe_or_fill_refuse_a_database_that_somebody_named(stack, command):
    done = stack(*command, DATABASE_URL="postgresql://production/sinete")

    assert done.returncode == 2
    assert "DATABASE_URL is set" in done.stderr


def test_the_development_mail_server_refuses_it_too(stack):
    done = stack("receiver", DATABASE_URL="postgresql://production/sinete")

    assert done.returncode == 2
    assert "does not run beside" in done.stderr


def test_a_folder_serves_one_stack_at_a_time(stack, tmp_path):
    with services.locked(tmp_path / "var"):
        ran, wiped = stack("run"), stack("reset")

    assert (ran.returncode, wiped.returncode) == (2, 2)
    assert "already running" in ran.stderr
    assert "already running" in wiped.stderr


def test_reset_leaves_an_empty_folder(stack, tmp_path):
    (tmp_path / "var" / "postgres").mkdir(parents=True)
    (tmp_path / "var" / "inbox.sqlite3").touch()

    done = stack("reset")

    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "var").iterdir()) == []


@pytest.mark.slow
def test_postgres_recovers_from_a_half_made_folder_and_a_stale_process_id(tmp_path):
    folder = tmp_path / "postgres"
    folder.mkdir()
    (folder / "base").mkdir()
    with services.postgres(folder) as url:
        assert url.endswith("/sinete")
    # The id of a process that lives, but is no PostgreSQL, as after a restart of the machine.
    (folder / "postmaster.pid").write_text(f"{os.getpid()}\n{folder}\n1\n5432\n{folder}\n\n1 1\nready\n")
    (folder / ".handle_pids.json").write_text("[1]")

    with services.postgres(folder):
        pid = int((folder / "postmaster.pid").read_text().splitlines()[0])

        assert pid != os.getpid()
    assert not (folder / "postmaster.pid").exists()


def test_valkey_answers_and_is_gone_afterwards(tmp_path):
    import redis

    with services.valkey(tmp_path / "valkey") as url:
        connection = redis.Redis.from_url(url)
        assert connection.ping()
        connection.close()

    with pytest.raises(redis.ConnectionError):
        connection.ping()
    connection.close()


def test_translations_are_compiled_once(tmp_path):
    folder = tmp_path / "locale" / "pt_BR" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    header = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    (folder / "django.po").write_text(header + 'msgid "Approve"\nmsgstr "Aprovar"\n')

    assert messages.compile_all(tmp_path) == 1
    assert messages.compile_all(tmp_path) == 0
    assert b"Aprovar" in (folder / "django.mo").read_bytes()


def test_a_broken_translation_is_named(tmp_path):
    folder = tmp_path / "locale" / "pt_BR" / "LC_MESSAGES"
    folder.mkdir(parents=True)
    (folder / "django.po").write_bytes(b'msgid "\xff"\nmsgstr ""\n')

    with pytest.raises(StackError, match=r"django\.po can't be read"):
        messages.compile_all(tmp_path)


def test_every_variable_that_the_settings_read_is_documented():
    documented = Path("docs/production.md").read_text()
    read = set(re.findall(r'env\.\w+\(\s*"([A-Z_]+)"', Path("campaign/settings.py").read_text()))

    set_by_the_stack = {"SINETE_TESTING", "SINETE_EMBEDDED"}
    assert {name for name in read - set_by_the_stack if f"`{name}`" not in documented} == set()


def test_a_database_that_does_not_answer_is_named(stack):
    done = stack("run", DATABASE_URL="postgresql://127.0.0.1:1/none", PORT="18431")

    assert done.returncode == 2
    assert "PostgreSQL does not answer" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_process_of_the_procfile_has_its_place():
    from honcho.environ import parse_procfile

    names = set(parse_procfile(Path("Procfile").read_text()).processes)

    assert names == {"web", "send", "steps", "counts", "work", "tick", "hits", "cron", "mail"}
    assert set(run.HOW_MANY) | run.FOR_DEVELOPMENT <= names
