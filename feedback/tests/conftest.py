from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from feedback import outage
from feedback.public import link_cache


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, settings: Any) -> Iterator[Path]:
    """Spool and copies of this test alone; nothing remembered from the one before."""
    settings.FEEDBACK_FOLDER = tmp_path / "feedback"
    link_cache.forget()
    outage.forget()
    yield settings.FEEDBACK_FOLDER
    outage.forget()


@pytest.fixture
def database(transactional_db: None) -> Iterator["Database"]:
    """A switch for the way to the database: what is away is the real thing, on a port where nobody listens."""
    switch = Database()
    yield switch
    switch.comes_back()


class Database:
    def __init__(self) -> None:
        self._address = {name: connection.settings_dict[name] for name in ("HOST", "PORT")}

    def goes_away(self) -> None:
        connection.close()
        connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": "1"}

    def comes_back(self) -> None:
        connection.close()
        connection.settings_dict |= self._address
        outage.forget()
