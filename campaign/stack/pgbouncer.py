"""PgBouncer in transaction mode before the embedded PostgreSQL, as a pooled production has it."""

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from urllib.parse import unquote, urlsplit

import psycopg

from campaign.stack import packages, services
from campaign.stack.errors import StackError

HOW_TO = "PgBouncer is needed for this. Install it (Debian, Ubuntu: apt-get install pgbouncer)."
UP_WITHIN = 10  # seconds

# Few server connections, so that clients take turns at them from one transaction to the next.
SETTINGS = """
[databases]
{name} = host={folder} user=postgres dbname={name} pool_size={size}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
max_client_conn = 1000
ignore_startup_parameters = options,extra_float_digits
logfile = {here}/pgbouncer.log
"""


def find() -> str | None:
    return shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin:/usr/local/sbin")


def ensure() -> None:
    """PgBouncer is there, installed from the distribution where that is missing and allowed."""
    packages.ensure("pgbouncer", found=find(), how_to=HOW_TO)


@contextmanager
def pgbouncer(url: str, *, data: Path, size: int = 4) -> Iterator[str]:
    """Run PgBouncer before the database of `url`, whose server works in `data`; yield the URL that leads through.

    Raise StackError where PgBouncer is not installed.
    """
    program = find()
    if program is None:
        raise StackError(HOW_TO)
    parts = urlsplit(url)
    name, port, user = parts.path.strip("/"), _free_port(), services.running_postgres(data).system_user
    with tempfile.TemporaryDirectory(prefix="sinete-pgbouncer-") as made:
        here = Path(made)
        here.chmod(0o777 if user else 0o700)  # PgBouncer refuses to be root, and writes its log as another
        file = here / "pgbouncer.ini"
        file.write_text(
            SETTINGS.format(
                name=name, folder=unquote(parts.netloc.rpartition("@")[2]), port=port, here=here, size=size
            )
        )
        file.chmod(0o644)
        process = subprocess.Popen(
            [program, *(["-u", user] if user else []), str(file)],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        through = f"postgresql://postgres@127.0.0.1:{port}/{name}"
        try:
            _wait(through, process, here / "pgbouncer.log")
            yield through
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(5)
            process.kill()
            process.wait()


def _wait(url: str, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + UP_WITHIN
    while time.monotonic() < deadline and process.poll() is None:
        with suppress(psycopg.OperationalError):
            psycopg.connect(url, connect_timeout=2).close()
            return
        time.sleep(0.05)
    said = log.read_text(errors="replace")[-500:] if log.exists() else ""
    raise StackError(f"PgBouncer did not come up: {said}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
