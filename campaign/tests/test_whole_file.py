"""A file is there once it is whole, and takes no other thing's place."""

import os
import stat

import pytest

from campaign.lib import whole_file


def test_it_is_there_whole_or_not_at_all(tmp_path):
    def parts():
        yield b"one"
        raise ValueError

    with pytest.raises(ValueError):
        whole_file.write(parts(), tmp_path / "list")
    assert list(tmp_path.iterdir()) == []

    whole_file.write([b"one", b"two"], tmp_path / "list")
    assert [(each.name, each.read_bytes()) for each in tmp_path.iterdir()] == [("list", b"onetwo")]


def test_a_device_or_a_pipe_is_never_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)

    with pytest.raises(OSError, match="no regular file"):
        whole_file.write([b"one"], pipe)

    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert list(tmp_path.iterdir()) == [pipe]


def test_what_a_link_leads_to_is_written_and_the_link_stays(tmp_path):
    (tmp_path / "other").mkdir()
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "other" / "list")

    whole_file.write([b"one"], link)

    assert link.is_symlink()
    assert link.read_bytes() == b"one"
