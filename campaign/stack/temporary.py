"""A whole stack for one program: in a temporary folder, on ports of its own, gone at the end."""

import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

import psutil
import psycopg
from honcho.environ import parse_procfile

from campaign.stack import database_template, pgbouncer, services
from campaign.stack.errors import StackError

BASE_DIR = Path(__file__).resolve().parent.parent.parent
MARK = "SINETE_TEMPORARY_STACK"  # stands in the environment of every process started here: its folder
SAFE = {"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}


@dataclass
class Stack:
    """What runs: its environment for programs started beside it, and its processes by name."""

    folder: Path
    env: dict[str, str]
    processes: dict[str, list[subprocess.Popen[bytes]]] = field(default_factory=dict)
    database_url: str = ""  # PostgreSQL itself, whatever stands before it for the processes

    @property
    def web_url(self) -> str:
        return f"http://127.0.0.1:{self.env['PORT']}"

    def start(
        self, name: str, *, count: int = 1, supervised: bool = False, **env: str
    ) -> list[subprocess.Popen[bytes]]:
        """Start `count` processes of the Procfile's line `name`; what they say is in the folder.

        `supervised`: each is begun again when it dies, as `make run` does it.
        """
        command = parse_procfile((BASE_DIR / "Procfile").read_text()).processes[name]
        if supervised:
            command = f"{quote(sys.executable)} -m campaign.stack supervise {quote(command)}"
        return [self.launch(name, command, **env) for _ in range(count)]

    def launch(self, name: str, command: str, **env: str) -> subprocess.Popen[bytes]:
        """Start a process of one's own among those of the stack; it ends with them."""
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                f"exec {command}",
                shell=True,
                cwd=BASE_DIR,
                env={**self.env, **env, MARK: str(self.folder)},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.processes.setdefault(name, []).append(process)
        return process

    def manage(self, *command: str) -> str:
        """Run a management command and return what it printed; raise StackError where it failed."""
        done = subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=BASE_DIR,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise StackError(f"`manage.py {' '.join(command)}` failed ({done.returncode}):\n{done.stderr}")
        return done.stdout

    def said(self, name: str) -> str:
        """What the processes of that name printed so far."""
        with suppress(FileNotFoundError):
            return (self.folder / f"{name}.log").read_text(errors="replace")
        return ""

    def stop(self) -> None:
        """Every process is gone, those too that lost their parent; each was asked first."""
        everyone = [process for group in self.processes.values() for process in group]
        known = []
        for process in everyone:
            with suppress(psutil.NoSuchProcess):
                known.append(psutil.Process(process.pid))
        services.stop_processes(known, seconds=6)
        for process in everyone:
            process.wait()
        self.processes.clear()
        services.stop_processes(
            [process for process in psutil.process_iter() if _mark_of(process) == str(self.folder)]
        )


@contextmanager
def temporary_stack(
    processes: Sequence[str] = (), *, migrate: bool = True, pooled: bool = False, kept: str = "", **env: str
) -> Iterator[Stack]:
    """PostgreSQL with its safe defaults and Valkey, migrated, with these processes of the Procfile running.

    Raise StackError with `DATABASE_URL` set. The same name twice starts two processes. `pooled`: everything reaches
    PostgreSQL through PgBouncer in transaction mode. `kept`: a folder whose database is used, and stays.
    """
    if os.environ.get("DATABASE_URL"):
        raise StackError("Refused: DATABASE_URL is set, and that database may hold real data.")
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory(prefix="sinete-run-")))
        stack = Stack(folder, {**os.environ, **_own_environment(folder), **env})
        data = Path(kept).resolve() if kept else folder / "postgres"
        stack.env["DATABASE_URL"] = running.enter_context(_postgres(data, migrated=migrate and not kept))
        stack.env["REDIS_URL"] = running.enter_context(services.valkey(folder / "valkey"))
        running.callback(stack.stop)
        stack.database_url = stack.env["DATABASE_URL"]
        if migrate:
            stack.manage("migrate", "--verbosity", "0")
        if pooled:
            through = pgbouncer.pgbouncer(stack.database_url, data=data)
            stack.env["DATABASE_URL"] = running.enter_context(through)
            running.callback(stack.stop)
        for name in processes:
            stack.start(name)
        yield stack


def _postgres(data: Path, *, migrated: bool) -> AbstractContextManager[str]:
    """One whose database has what a template has, if it is to be migrated: `migrate` finds little left to do."""
    if not migrated:
        return services.postgres(data)
    database_template.copy_to(data)
    return services.postgres(data, template=database_template.DATABASE)


def _mark_of(process: psutil.Process) -> str | None:
    with suppress(psutil.Error, OSError):
        return process.environ().get(MARK)
    return None


def safety(database_url: str) -> dict[str, str]:
    """PostgreSQL's settings that decide whether a crash can lose what was committed."""
    with psycopg.connect(database_url) as connection:
        rows = connection.execute("SELECT name, setting FROM pg_settings WHERE name = ANY(%s)", [list(SAFE)])
        return dict(rows.fetchall())


def _own_environment(folder: Path) -> dict[str, str]:
    web, mail, inbox = _free_ports(3)
    (folder / "static").mkdir()
    return {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
        "DJANGO_SETTINGS_MODULE": "campaign.settings",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "",  # each process would compile everything anew
        "SINETE_EMBEDDED": "1",
        "SINETE_VAR": str(folder),
        "SINETE_STACK_PID": str(os.getpid()),
        "SINETE_FEEDBACK_FOLDER": str(folder / "feedback"),
        "SINETE_ANCHOR_FOLDER": str(folder / "anchor"),
        "STATIC_ROOT": str(folder / "static"),
        "DEBUG": "1",
        "PORT": str(web),
        "MAIL_PORT": str(mail),
        "INBOX_PORT": str(inbox),
        "RELAY_URL": f"smtp://127.0.0.1:{mail}",
        "PUBLIC_URL": f"http://127.0.0.1:{web}",
    }


def _free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()
