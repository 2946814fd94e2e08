"""The stack in the foreground: services, then the processes of the Procfile, until Ctrl-C."""

import errno
import multiprocessing
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from shlex import quote

import psutil
import psycopg
import redis
from django.core.exceptions import ImproperlyConfigured
from honcho.environ import parse_procfile
from honcho.manager import SYSTEM_PRINTER_NAME, Manager
from honcho.printer import Message, Printer

from accounts.demo_accounts import DEMO_ACCOUNTS
from campaign.lib import private, valkey
from campaign.stack import endpoints, services
from campaign.stack.errors import StackError

HOW_MANY = {"send": 2}  # processes of that name; one of each other
FOR_DEVELOPMENT = {"mail"}
MAIL_PORT = 1025
INBOX_PORT = 8026
MARK = "SINETE_STACK"  # stands in the environment of every process of the stack: its data folder


class QuietPrinter(Printer):
    """Prints what the processes say, and leaves out each start and stop."""

    def write(self, message: Message) -> None:
        if message.name != SYSTEM_PRINTER_NAME:
            super().write(message)


def run(base_dir: Path) -> int:
    """Run everything until Ctrl-C or SIGTERM; then nothing of it is left."""
    signal.signal(signal.SIGTERM, _interrupt)
    signal.signal(signal.SIGHUP, lambda *_: os.kill(os.getpid(), signal.SIGTERM))
    try:
        with _environment(base_dir) as env:
            return _run_processes(base_dir, env)
    except KeyboardInterrupt:
        print("\nStopped.", flush=True)
        return 0


def reset(base_dir: Path) -> int:
    """Wipe what the stack keeps; refused while it runs, and where the data are not the stack's own."""
    refuse_foreign_database("reset")
    var = endpoints.data_folder(base_dir)
    if not var.exists():
        print("There is nothing to wipe.")
        return 0
    with services.locked(var):
        _stop_earlier_run(var)
        services.stop_orphans(var / "postgres", var / "valkey")
        for entry in var.iterdir():
            shutil.rmtree(entry) if entry.is_dir() and not entry.is_symlink() else entry.unlink()
    print(f"{var} is empty; `make run` begins anew.")
    return 0


def refuse_foreign_database(what: str) -> None:
    """Raise StackError where `DATABASE_URL` names a database, for programs that make or wipe data."""
    if os.environ.get("DATABASE_URL"):
        raise StackError(
            f"`make {what}` is refused: DATABASE_URL is set, and that database may hold real data."
        )


@contextmanager
def _environment(base_dir: Path) -> Iterator[dict[str, str]]:
    """The environment of the processes: the user's own services, or embedded ones that run meanwhile."""
    env = {**os.environ, "SINETE_STACK_PID": str(os.getpid()), "PYTHONUNBUFFERED": "1"}
    env["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{env.get('PATH', '')}"
    env.setdefault("PORT", "8000")
    env.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")
    if env.get("DATABASE_URL"):
        with _held({"web": env["PORT"]}, host=env.get("HOST")):
            _require_ready(base_dir, env)
        yield env
        return
    var = endpoints.data_folder(base_dir)
    _require_own(var)
    with ExitStack() as running:
        running.enter_context(services.locked(var))
        _stop_earlier_run(var)
        named = {
            "web": env["PORT"],
            "mail": env.setdefault("MAIL_PORT", str(MAIL_PORT)),
            "inbox": env.setdefault("INBOX_PORT", str(INBOX_PORT)),
        }
        with _held(named, host=env.get("HOST")):
            pass
        # The demo's own mail needs a receiver meanwhile, so only the address of the pages is held.
        ports = running.enter_context(ExitStack())
        ports.enter_context(_held({"web": env["PORT"]}, host=env.get("HOST")))
        os.umask(private.OTHERS)  # of all that runs from here on
        (var / "static").mkdir(exist_ok=True)
        env.setdefault("SINETE_FEEDBACK_FOLDER", str(var / "feedback"))
        env.setdefault("SINETE_ANCHOR_FOLDER", str(var / "anchor"))
        env |= _start_services(running, var, env)
        _close_to_others(var)
        _prepare(base_dir, var, env)
        ports.close()  # the processes take them now
        yield env


def _close_to_others(var: Path) -> None:
    """What the stack keeps, and kept before, is for its own user.

    PostgreSQL closes its folder itself. It refuses to be root, and then runs as another user, who has to get there.
    """
    private.close(var, but=("postgres",))
    var.chmod(0o711 if os.geteuid() == 0 else private.FOLDER)


def _start_services(running: ExitStack, var: Path, env: dict[str, str]) -> dict[str, str]:
    print("Starting PostgreSQL and Valkey …", flush=True)
    urls = {
        "DATABASE_URL": running.enter_context(services.postgres(var / "postgres")),
        "REDIS_URL": running.enter_context(services.valkey(var / "valkey")),
        "RELAY_URL": f"smtp://127.0.0.1:{env['MAIL_PORT']}",
        "PUBLIC_URL": env.get("PUBLIC_URL") or f"http://127.0.0.1:{env['PORT']}",
        "SINETE_EMBEDDED": "1",
    }
    endpoints.publish(var, urls)
    running.callback(endpoints.withdraw, var)
    running.callback(_finish_undisturbed)
    return {**urls, "DEBUG": env.get("DEBUG", "1"), MARK: str(var), "SINETE_VAR": str(var)}


def _prepare(base_dir: Path, var: Path, env: dict[str, str]) -> None:
    """The database has its tables, and the first time the demo data."""
    _manage(base_dir, env, "migrate", "--verbosity", "0", doing="Bringing the database up to date")
    # In the database's own folder: where that is made anew, the demo is loaded anew.
    progress = var / "postgres" / "demo"
    so_far = progress.read_text() if progress.exists() else ""
    if so_far == "loaded" or env.get("SINETE_DEMO") == "0":
        return
    if not so_far and _has_deliveries(env["DATABASE_URL"]):
        return  # somebody began without the demo
    progress.write_text("begun")
    try:
        _manage(base_dir, env, "load_demo", doing="Loading the demo data (the first time only)")
        progress.write_text("loaded")
    except StackError as error:
        print(f"{error}\nGoing on without all of the demo data; the next `make run` tries again.", flush=True)


def _manage(base_dir: Path, env: dict[str, str], *command: str, doing: str) -> None:
    print(f"{doing} …", flush=True)
    done = subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=base_dir,
        env=env,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"`manage.py {' '.join(command)}` failed: {_last_words(base_dir, done.stderr)}")


def _last_words(base_dir: Path, stderr: str) -> str:
    """The reason in one line; the rest is kept in a file."""
    lines = stderr.strip().splitlines()
    if not lines:
        return "it said no."
    log = endpoints.data_folder(base_dir) / "last-error.log"
    with suppress(OSError):
        log.write_text(stderr)
        return f"{lines[-1]} (the whole story: {log})"
    return lines[-1]


def _has_deliveries(url: str) -> bool:
    with psycopg.connect(url) as connection, suppress(psycopg.errors.UndefinedTable):
        row = connection.execute("SELECT EXISTS (SELECT FROM deliveries_delivery)").fetchone()
        return bool(row and row[0])
    return False


def _run_processes(base_dir: Path, env: dict[str, str]) -> int:
    # Honcho hands its processes objects of this one, whatever the platform's default method is.
    multiprocessing.set_start_method("fork", force=True)
    is_embedded = MARK in env
    manager = Manager(QuietPrinter(sys.stdout))
    procfile = parse_procfile((base_dir / "Procfile").read_text())
    for name, command in procfile.processes.items():
        if name in FOR_DEVELOPMENT and not is_embedded:
            continue
        for number in range(1, HOW_MANY.get(name, 1) + 1):
            label = f"{name}.{number}" if name in HOW_MANY else name
            kept = f"exec {quote(sys.executable)} -m campaign.stack supervise {quote(command)}"
            manager.add_process(label, kept, env=env, cwd=str(base_dir))
    _greet_when_up(int(env["PORT"]), is_embedded=is_embedded, env=env)
    manager.loop()
    was_asked = manager.returncode in (0, 130, 143)
    print("Stopped." if was_asked else f"Stopped: a process ended with {manager.returncode}.", flush=True)
    return 0 if was_asked else 1


def _greet_when_up(port: int, *, is_embedded: bool, env: dict[str, str]) -> None:
    """A process of its own waits for the web and then says where everything is."""
    stack = os.getpid()
    if child := os.fork():
        os.waitpid(child, 0)
        return
    if os.fork():
        os._exit(0)
    try:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        for _ in range(600):
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                print(_greeting(port, is_embedded=is_embedded, env=env), flush=True)
                break
            if not psutil.pid_exists(stack):
                break
            time.sleep(0.1)
    finally:
        os._exit(0)


def _greeting(port: int, *, is_embedded: bool, env: dict[str, str]) -> str:
    lines = ["", f"  Sinete is at   http://127.0.0.1:{port}"]
    if is_embedded:
        lines += [f"  Mail it sends  http://127.0.0.1:{env['INBOX_PORT']}   (nothing leaves this machine)"]
        width = max(len(row[0]) for row in DEMO_ACCOUNTS)
        lines += ["", "  Sign in as"]
        lines += [f"    {role:<{width}}  {user}  /  {password}" for role, user, password in DEMO_ACCOUNTS]
    return "\n".join([*lines, "", "  Ctrl-C stops everything.", ""])


VARIABLES = {"web": "PORT", "mail": "MAIL_PORT", "inbox": "INBOX_PORT"}


@contextmanager
def _held(ports: dict[str, str], *, host: str | None) -> Iterator[None]:
    """Nobody else gets these ports meanwhile; StackError where somebody has one.

    Migrating and loading the demo take a while: a second stack that starts then hears of it at once.
    """
    with ExitStack() as holding:
        taken_by: dict[int, str] = {}
        for what, text in ports.items():
            port = _port(what, text)
            if port in taken_by:
                raise StackError(
                    f"{VARIABLES[what]} and {VARIABLES[taken_by[port]]} are both {port}: each needs a port of its own."
                )
            taken_by[port] = what
            where = host if what == "web" and host else "127.0.0.1"
            holding.enter_context(_listening(what, where, port))
        yield


def _port(what: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 6 and 0 < int(text) < 65536):
        raise StackError(f"{VARIABLES[what]}={text} is no port: choose a number from 1 to 65535.")
    return int(text)


def _listening(what: str, host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    held = socket.socket(family)
    held.setsockopt(
        socket.SOL_SOCKET, socket.SO_REUSEADDR, 1
    )  # what a stack that ended left in TIME_WAIT is free
    try:
        held.bind((host, port))
        held.listen()
    except PermissionError:
        held.close()
        raise StackError(
            f"Port {port} ({what}) is not for this user: choose one above 1023, {VARIABLES[what]}={port + 8000}."
        ) from None
    except OSError as error:
        held.close()
        if error.errno != errno.EADDRINUSE:
            raise StackError(f"HOST={host} can't be listened at: {error.strerror}.") from None
        raise StackError(
            f"Port {port} ({what}) is taken{_by_whom(port)}. "
            f"Stop that program, or choose another port: {VARIABLES[what]}={port % 65535 + 1} make run"
        ) from None
    return held


def _require_ready(base_dir: Path, env: dict[str, str]) -> None:
    """Somebody's own services answer, and the database has its tables; it is not ours to change it."""
    redis_url = env.get("REDIS_URL") or "redis://127.0.0.1:6379/0"
    try:
        psycopg.connect(env["DATABASE_URL"], connect_timeout=5).close()
    except psycopg.Error as error:
        raise StackError(f"DATABASE_URL is set, but PostgreSQL does not answer there: {error}") from None
    try:
        valkey.connect(redis_url).ping()
    except (redis.RedisError, ImproperlyConfigured, ValueError) as error:
        raise StackError(
            f"Redis does not answer at REDIS_URL ({redis_url.split('@')[-1]}): {error}"
        ) from None
    if not env.get("SECRET_KEY") and not env.get("DEBUG"):
        raise StackError(
            "With DATABASE_URL set Sinete runs as in production: set SECRET_KEY too, or DEBUG=1."
        )
    try:
        _manage(base_dir, env, "migrate", "--check", doing="Looking at the database")
    except StackError as error:
        way_on = f"If its tables are not up to date: {sys.executable} manage.py migrate"
        raise StackError(f"{error}\n{way_on}") from None


def _by_whom(port: int) -> str:
    with suppress(psutil.Error, OSError):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.status == psutil.CONN_LISTEN:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    return ""


def _require_own(var: Path) -> None:
    try:
        var.mkdir(parents=True, exist_ok=True)
        (var / "lock").open("a").close()
    except OSError as error:
        raise StackError(
            f"The data folder {var} can't be written: {error.strerror}. "
            "It may belong to another user; set SINETE_VAR to a folder of your own."
        ) from None


def _stop_earlier_run(var: Path) -> None:
    """What a killed run left behind ends: its processes, known by the mark in their environment."""
    endpoints.withdraw(var)
    mine = {os.getpid(), *(p.pid for p in psutil.Process().parents())}
    left = [p for p in psutil.process_iter() if p.pid not in mine and _environ(p).get(MARK) == str(var)]
    if services.stop_processes(left):
        print(f"Stopped {len(left)} processes that an earlier run had left behind.", flush=True)


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _finish_undisturbed() -> None:
    """A second Ctrl-C must not keep the services from stopping in order."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
