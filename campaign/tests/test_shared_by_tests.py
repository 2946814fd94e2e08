"""What several test modules need stands in a fixture or in a module that is no test; none imports another."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

TREES = (
    "accounts",
    "audiences",
    "benchmarks",
    "campaign",
    "deliveries",
    "docs",
    "feedback",
    "home",
    "reporting",
)
TEST_MODULE = re.compile(r"(^|\.)test_\w+(\.|$)")


def imports(source: str) -> Iterator[str]:
    """Everything that the source imports at any depth, as dotted names; relative ones begin with a dot."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names if is_package(module))


def is_package(module: str) -> bool:
    """Whether a name that is imported from the module may be a module itself."""
    return not module.strip(".") or Path(settings.BASE_DIR, *module.strip(".").split(".")).is_dir()


def of_test_modules(source: str) -> list[str]:
    return [name for name in imports(source) if TEST_MODULE.search(name)]


def test_no_test_module_is_imported():
    base = Path(settings.BASE_DIR)
    files = [base / "conftest.py", *(file for tree in TREES for file in (base / tree).rglob("*.py"))]

    found = {str(file.relative_to(base)): of_test_modules(file.read_text()) for file in files}

    assert {name: modules for name, modules in found.items() if modules} == {}


@pytest.mark.parametrize(
    "source",
    [
        "from deliveries.tests.test_workers import wait_until",
        "from deliveries.tests import test_workers as workers",
        "import deliveries.tests.test_workers",
        "from .test_workers import wait_until",
        "from . import test_workers",
        "def later():\n    from deliveries.tests.test_workers import wait_until",
    ],
)
def test_an_import_of_a_test_module_is_found_however_it_is_written(source):
    assert of_test_modules(source)


@pytest.mark.parametrize(
    "source", ["from deliveries.tests.workers import worker", "from campaign.lib.clock import test_moment"]
)
def test_what_is_no_test_module_may_be_imported(source):
    assert of_test_modules(source) == []
