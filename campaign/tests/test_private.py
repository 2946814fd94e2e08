import stat
from pathlib import Path

from campaign.lib import private


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_a_new_folder_and_what_is_written_there_is_closed_to_others(tmp_path):
    folder = private.folder(tmp_path / "a" / "b")
    private.write(folder / "note", "text")
    with private.opened(folder / "log", "a") as file:
        file.write("line")

    assert [mode(path) for path in (folder, folder / "note", folder / "log")] == [0o700, 0o600, 0o600]


def test_a_folder_that_was_open_to_others_is_closed(tmp_path):
    (tmp_path / "old").mkdir()
    (tmp_path / "old").chmod(0o755)

    assert mode(private.folder(tmp_path / "old")) == 0o700


def test_all_that_was_kept_is_closed_but_what_is_named_and_what_links_lead_to(tmp_path):
    kept, elsewhere = tmp_path / "var", tmp_path / "elsewhere"
    for folder in (kept / "spool", kept / "postgres", elsewhere):
        folder.mkdir(parents=True)
        (folder / "file").write_text("")
        folder.chmod(0o755)
        (folder / "file").chmod(0o644)
    (kept / "link").symlink_to(elsewhere)

    private.close(kept, but=("postgres",))

    assert (mode(kept / "spool"), mode(kept / "spool" / "file")) == (0o700, 0o600)
    assert mode(kept / "postgres") == mode(elsewhere) == 0o755
    assert mode(elsewhere / "file") == 0o644
