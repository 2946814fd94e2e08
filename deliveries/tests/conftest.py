"""An installation of its own for each test of copies."""

from pathlib import Path
from typing import Any

import pytest

from accounts.models import User
from accounts.tests.factories import UserFactory


@pytest.fixture
def own_disk(settings: Any, tmp_path: Path) -> None:
    """What this installation keeps on its disk, to know itself again, stands in a folder of this test."""
    settings.ANCHOR_FOLDER = tmp_path / "anchor"


@pytest.fixture
def administrator() -> User:
    """A superuser who is admitted to the desk."""
    return UserFactory(is_superuser=True, is_staff=True)
