"""A PostgreSQL that has every migration, made once for each state of them: tests and stacks begin with a copy.

Their database is made from the template database in it, and `migrate` runs on that, which does what is missing; so a
template spares time and can hide nothing.
"""

import fcntl
import hashlib
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from campaign.stack import services
from campaign.stack.errors import StackError

BASE_DIR = Path(__file__).resolve().parent.parent.parent
CACHE = BASE_DIR / "var" / "cache" / "tests"
DATABASE = "migrated"
KEPT = 4  # templates: of this branch, and of some that one goes back to
# What decides how the tables look: the migrations, and the versions of PostgreSQL and of others' migrations.
SIZE = "SINETE_PARTITION_DELIVERIES"  # the environment's name for the first range, which a migration makes
SOURCES = ("*/migrations/*.py", "*/apps.py", "campaign/management/commands/migrate.py", "requirements.txt")


def copy_to(folder: Path, *, cache: Path = CACHE) -> None:
    """Make `folder` a stopped PostgreSQL whose database `migrated` has every migration, unless it is there already.

    Raise StackError where the template can't be made.
    """
    if folder.exists():
        return
    with _waiting_for(cache):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _copy(_ready(cache), folder)


def prepare(*, cache: Path = CACHE) -> None:
    """The template for this state of the migrations stands in the cache; raise StackError where it can't be made."""
    with _waiting_for(cache):
        _ready(cache)


def fingerprint() -> str:
    """The name of this state of the migrations: another one where a line of them changes, or the size of a range."""
    digest = hashlib.sha256(f"{platform.machine()} {sys.version} {os.environ.get(SIZE, '')}".encode())
    for path in sorted({path for pattern in SOURCES for path in BASE_DIR.glob(pattern)}):
        digest.update(f"{path.relative_to(BASE_DIR)} {path.stat().st_size}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:24]


@contextmanager
def _waiting_for(cache: Path) -> Iterator[None]:
    """Hold the cache for this process alone; who comes second waits, and finds what the first has made."""
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("a") as lock:
        fcntl.lockf(lock, fcntl.LOCK_EX)
        yield


def _ready(cache: Path) -> Path:
    template = cache / fingerprint()
    if (template / services.MADE).exists():
        os.utime(template)
        return template
    shutil.rmtree(template, ignore_errors=True)
    draft = cache / "draft"
    shutil.rmtree(draft, ignore_errors=True)
    _make(draft)
    draft.rename(template)
    _drop_old(cache)
    return template


def _make(target: Path) -> None:
    """Elsewhere at first: PostgreSQL's own user need not reach the folder of a project."""
    with tempfile.TemporaryDirectory(prefix="sinete-template-") as made:
        folder = Path(made, "postgres")
        with services.postgres(folder, database=DATABASE) as url:
            _migrate(url)
        _copy(folder, target)


def _migrate(url: str) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=BASE_DIR,
        env={**os.environ, "DATABASE_URL": url, "REDIS_URL": "redis://nowhere.invalid"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise StackError(f"The tests' database could not be migrated ({done.returncode}):\n{done.stderr}")


def _copy(source: Path, target: Path) -> None:
    """With its owner, which a copy by Python would not keep: PostgreSQL may run as another user."""
    subprocess.run(["cp", "-a", source, target], check=True)


def _drop_old(cache: Path) -> None:
    made = [folder for folder in cache.iterdir() if (folder / services.MADE).exists()]
    for folder in sorted(made, key=lambda folder: folder.stat().st_mtime)[:-KEPT]:
        shutil.rmtree(folder, ignore_errors=True)
