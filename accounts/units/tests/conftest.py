"""A unit, and one below it."""

import pytest

from accounts.tests.factories import UnitFactory


@pytest.fixture
def above():
    return UnitFactory()


@pytest.fixture
def below(above):
    return UnitFactory(parent=above)
