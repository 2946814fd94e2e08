"""Three people of a unit, and a delivery that commands bring from its file to *ready*."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from accounts.models import OrganizationalUnit, User
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience
from audiences.tests.factories import AudienceFactory, ProfileFactory
from deliveries.management.tests.calling import CONTENT, run
from deliveries.models import Delivery


@pytest.fixture
def unit() -> OrganizationalUnit:
    """The unit that files call “Brasil”."""
    return UnitFactory(label="Brasil")


@pytest.fixture
def ana(unit: OrganizationalUnit) -> User:
    """Ana prepares."""
    return UserFactory(username="ana", roles={"prepare": unit})


@pytest.fixture
def bruno(unit: OrganizationalUnit) -> User:
    """Bruno approves."""
    return UserFactory(username="bruno", roles={"approve": unit})


@pytest.fixture
def carla(unit: OrganizationalUnit) -> User:
    """Carla starts deliveries."""
    return UserFactory(username="carla", roles={"start": unit})


@pytest.fixture
def everybody(unit: OrganizationalUnit) -> Audience:
    """Three people with an address and one without."""
    ProfileFactory.create_batch(3, unit=unit)
    ProfileFactory(unit=unit, email="")
    return AudienceFactory(label="Everybody", unit=unit)


@pytest.fixture
def file(tmp_path: Path, everybody: Audience) -> Callable[..., Path]:
    """Write the JSON file of a delivery that can be prepared, with some of it replaced."""

    def write(**changes: Any) -> Path:
        data = {
            "label": "July offers",
            "unit": "Brasil",
            "audience": "Everybody",
            "content": CONTENT,
            "schedule": {"at": "now"},
        }
        path = tmp_path / "delivery.json"
        path.write_text(json.dumps(data | changes))
        return path

    return write


@pytest.fixture
def draft(ana: User, file: Callable[..., Path]) -> Delivery:
    run("create_delivery", file(), "--as", "ana")
    return Delivery.objects.get()


@pytest.fixture
def prepared(draft: Delivery, work: Any) -> Delivery:
    run("prepare_delivery", draft.name, "--as", "ana")
    work()
    draft.refresh_from_db()
    return draft


@pytest.fixture
def ready(prepared: Delivery, bruno: User, carla: User) -> Delivery:
    run("approve_delivery", prepared.name, "--as", "bruno")
    return prepared
