import json
import os

import psutil

from campaign.stack import endpoints

URLS = {"DATABASE_URL": "postgresql://here", "REDIS_URL": "unix:///here", "SINETE_EMBEDDED": "1"}


def test_a_running_stack_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("SINETE_VAR", str(tmp_path))

    endpoints.publish(tmp_path, URLS)

    assert endpoints.discover(tmp_path) == URLS


def test_only_its_owner_may_read_where_it_runs(tmp_path):
    endpoints.publish(tmp_path, URLS)

    assert (tmp_path / endpoints.FILE_NAME).stat().st_mode & 0o077 == 0


def test_a_stopped_stack_is_not_found(tmp_path, monkeypatch):
    monkeypatch.setenv("SINETE_VAR", str(tmp_path))
    endpoints.publish(tmp_path, URLS)

    endpoints.withdraw(tmp_path)

    assert endpoints.discover(tmp_path) == {}


def test_a_killed_stack_is_not_found_even_where_its_process_id_is_used_again(tmp_path, monkeypatch):
    monkeypatch.setenv("SINETE_VAR", str(tmp_path))
    started = psutil.Process().create_time() - 60
    text = json.dumps({"pid": os.getpid(), "started": started, "urls": URLS})
    (tmp_path / endpoints.FILE_NAME).write_text(text)

    assert endpoints.discover(tmp_path) == {}


def test_a_torn_file_is_no_stack(tmp_path, monkeypatch):
    monkeypatch.setenv("SINETE_VAR", str(tmp_path))
    (tmp_path / endpoints.FILE_NAME).write_text('{"pid": 1')

    assert endpoints.discover(tmp_path) == {}
