"""The database that tests are copied from is made once for each state of the migrations."""

from pathlib import Path

import pytest

from campaign.stack import database_template, services
from campaign.stack.errors import StackError


@pytest.fixture
def made(monkeypatch) -> list[Path]:
    """What was made, without a server in it: every run of tests tries that one."""
    folders: list[Path] = []

    def make(target: Path) -> None:
        target.mkdir()
        (target / services.MADE).touch()
        folders.append(target)

    monkeypatch.setattr(database_template, "_make", make)
    return folders


def state(monkeypatch, name: str) -> None:
    monkeypatch.setattr(database_template, "fingerprint", lambda: name)


def test_it_is_made_once_and_copied_whole(made, tmp_path):
    for name in ("first", "second"):
        database_template.copy_to(tmp_path / name, cache=tmp_path / "cache")

    assert len(made) == 1
    assert (tmp_path / "first" / services.MADE).exists()
    assert (tmp_path / "second" / services.MADE).exists()


def test_other_migrations_have_another_one_and_the_oldest_go(made, tmp_path, monkeypatch):
    for number in range(database_template.KEPT + 1):
        state(monkeypatch, f"state-{number}")
        database_template.prepare(cache=tmp_path)

    assert len(made) == database_template.KEPT + 1
    assert not (tmp_path / "state-0").exists()
    assert (tmp_path / f"state-{database_template.KEPT}").exists()


def test_one_that_was_only_half_made_is_made_again(made, tmp_path, monkeypatch):
    state(monkeypatch, "here")
    (tmp_path / "here").mkdir()

    database_template.prepare(cache=tmp_path)

    assert len(made) == 1
    assert (tmp_path / "here" / services.MADE).exists()


def test_nothing_is_kept_of_migrations_that_failed(tmp_path, monkeypatch):
    def fail(target: Path) -> None:
        raise StackError("no such column")

    monkeypatch.setattr(database_template, "_make", fail)
    with pytest.raises(StackError, match="no such column"):
        database_template.prepare(cache=tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["lock"]


def test_a_changed_line_of_a_migration_is_another_state(tmp_path, monkeypatch):
    migration = tmp_path / "app" / "migrations" / "0001_initial.py"
    migration.parent.mkdir(parents=True)
    monkeypatch.setattr(database_template, "BASE_DIR", Path(tmp_path))
    found = set()
    for text in ("a = 1", "a = 2"):
        migration.write_text(text)
        found.add(database_template.fingerprint())

    assert len(found) == 2


def test_another_size_of_ranges_is_another_state(monkeypatch):
    before = database_template.fingerprint()

    monkeypatch.setenv("SINETE_PARTITION_DELIVERIES", "7")

    assert database_template.fingerprint() != before
