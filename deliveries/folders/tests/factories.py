"""Folders, made by the verb."""

from typing import Any

from accounts.models import OrganizationalUnit
from deliveries.folders import tree
from deliveries.models import Folder
from deliveries.tests.factories import person


def folder_in(unit: OrganizationalUnit, label: str = "Summer", **more: Any) -> Folder:
    """A folder of the unit, by somebody who prepares there."""
    return tree.create(label=label, unit=unit, by=more.pop("by", None) or person("prepare", unit), **more)
