"""What the program imports is named in requirements.in: a fresh `make run` installs nothing else."""

import ast
import re
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

from django.conf import settings

APPS = ("campaign", "accounts", "alerts", "audiences", "deliveries", "feedback", "home", "reporting")
# Their own set-up installs requirements-dev.txt too.
FOR_DEVELOPMENT = re.compile(r"/tests/|/conftest\.py$|newsletter/draw\.py$|(pytest_plugin|module_db)\.py$")
# What comes with something that is named.
BROUGHT_BY = {"asgiref": "django"}


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


def test_every_import_is_a_requirement():
    lines = (settings.BASE_DIR / "requirements.in").read_text().splitlines()
    named = {re.split(r"[\[~=<> ]", line)[0].lower() for line in lines if line and not line.startswith("#")}
    files = [file for app in APPS for file in (settings.BASE_DIR / app).rglob("*.py")]
    files = [file for file in files if not FOR_DEVELOPMENT.search(file.as_posix())]
    distributions = packages_distributions()

    modules = set.union(*map(imported, files)) - set(sys.stdlib_module_names)
    needed = {name.lower().replace("_", "-") for module in modules for name in distributions.get(module, [])}

    assert {BROUGHT_BY.get(name, name) for name in needed} - named == set()
