"""Who declares attributes, and files that bring some along."""

import io
from collections.abc import Callable
from typing import Any

import pytest

from accounts.models import User
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.imports import Options
from audiences.models import Import


@pytest.fixture
def declarer() -> User:
    """Somebody who may declare attributes and import files, everywhere."""
    return UserFactory(roles={"attributes": root(), "import": root()}, first_name="Dora", last_name="Clare")


@pytest.fixture
def bring(work: Any) -> Callable[..., Import]:
    """Import a CSV file of this content, and return what became of it."""

    def bring(content: str, *, by: User, unit: Any = None, **options: Any) -> Import:
        importing = imports.start(
            file=io.BytesIO(content.encode()),
            name="people.csv",
            unit=unit or root(),
            by=by,
            options=Options(declare_attributes=True, **options),
        )
        work()
        importing.refresh_from_db()
        return importing

    return bring
