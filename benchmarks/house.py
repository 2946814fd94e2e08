"""`make house`: the figures of the house, counted in the source as it stands.

Prints files, lines, lengths of functions, how many modules lie flat in each package, own imports in functions, who
writes the status of a delivery or of a message, and the quarantine, which public functions raise an error that their
docstring does not name, and where gettext has another name than the house's. `--json` for a machine. `--floors`
prints who may import whom, as docs/architecture.md shows it, from the import contract.
"""

import argparse
import ast
import json
import re
import statistics
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent
APPS = ("accounts", "alerts", "audiences", "campaign", "deliveries", "feedback", "home", "inbox", "reporting")
LONGEST_FILE = 450  # lines; migrations aside
GETTEXT = {"gettext_lazy": "_", "gettext_noop": "n_", "gettext": "_t"}

_MESSAGE_STATUS = re.compile(
    r"UPDATE deliveries_message\b[^;\"]*?\bSET\b[^;\"]*?\bstatus\b|\bMessage\.objects[^\n]*\.update\([^)]*\bstatus=",
    re.S,
)
_DELIVERY_STATUS = re.compile(
    r"\bdelivery\.status\s*=[^=]|Delivery\.objects[^\n]*\.update\([^)]*\bstatus="
    r"|UPDATE deliveries_delivery\b[^;\"]*?\bSET\b[^;\"]*?\bstatus\b",
    re.S,
)
# Whole rows: an erasure deletes.
_QUARANTINE = re.compile(
    r"(?:INSERT INTO|UPDATE) audiences_quarantine\b"
    r"|\bQuarantine\.objects[^\n]*\.(?:update|\w*create\w*)\(|\bQuarantine\(\w+="
)
_LOG = re.compile(r"INSERT INTO deliveries_logline\b|\bLogLine\.objects\.\w*create\(")
_WRITERS = (
    ("delivery", _DELIVERY_STATUS),
    ("message", _MESSAGE_STATUS),
    ("quarantine", _QUARANTINE),
    ("log", _LOG),
)


def sources(*, tests: bool = False) -> Iterator[Path]:
    """The files of the apps, without migrations; with or without their tests."""
    for app in APPS:
        for path in sorted((BASE_DIR / app).rglob("*.py")):
            is_test = "tests" in path.parts or path.name == "conftest.py"
            if "migrations" not in path.parts and (tests or not is_test):
                yield path


@cache
def figures() -> dict[str, Any]:
    """Everything that is counted, by name."""
    lines: dict[str, int] = {}
    functions: list[int] = []
    flat: Counter[str] = Counter()
    lazy: list[str] = []
    unsaid: list[str] = []
    misnamed: list[str] = []
    writers: dict[str, list[str]] = {"delivery": [], "message": [], "quarantine": [], "log": []}
    for path in sources():
        name, text = str(path.relative_to(BASE_DIR)), path.read_text()
        lines[name] = text.count("\n")
        if path.name != "__init__.py":
            flat[str(path.parent.relative_to(BASE_DIR))] += 1
        tree = ast.parse(text)
        unsaid += [f"{name}:{line}" for line in unsaid_errors(tree)]
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom):
                misnamed += [f"{name}:{node.lineno}" for _ in _misnamed(node)]
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append((node.end_lineno or node.lineno) - node.lineno + 1)
                if node.name != "ready":
                    lazy += [f"{name}:{one.lineno}" for one in ast.walk(node) if _is_own_import(one)]
        for what, pattern in _WRITERS:
            if pattern.search(text):
                writers[what].append(name)
    return {
        "files": len(lines),
        "lines": _spread(list(lines.values())),
        "lines_in_all": sum(lines.values()),
        "too_long": {name: number for name, number in lines.items() if number > LONGEST_FILE},
        "functions": len(functions),
        "function_lines": _spread(functions),
        "modules_flat": dict(flat.most_common()),
        "own_imports_in_functions": lazy,
        "errors_unsaid": unsaid,
        "gettext_misnamed": misnamed,
        "writers_of_a_deliverys_status": writers["delivery"],
        "writers_of_a_messages_status": writers["message"],
        "writers_of_the_quarantine": writers["quarantine"],
        "writers_of_a_deliverys_log": writers["log"],
    }


def unsaid_errors(tree: ast.Module | ast.ClassDef) -> Iterator[str]:
    """Yield line, name and errors of each public function that raises an error which its docstring does not name.

    An error without a name at its `raise` (raised again, or made by a function) must be spoken of there at least.
    """
    for node in tree.body:
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            yield from unsaid_errors(node)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and not node.name.startswith("_"):
            said = ast.get_docstring(node) or ""
            raised = {_name_of(one.exc) for one in _of_its_own(node.body) if isinstance(one, ast.Raise)}
            named = (name or "[Rr]aise[sd]?" for name in raised)
            missing = [name for name in sorted(named) if not re.search(rf"\b{name}\b", said)]
            if missing:
                yield f"{node.lineno} {node.name}: {', '.join(missing)}"


def floors() -> str:
    """Who may import whom within each app, from top to bottom, as Markdown tables made from the contracts."""
    config = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["tool"]["importlinter"]
    return "\n\n".join(_floors(one) for one in config["contracts"] if "containers" in one)


def _floors(contract: dict[str, Any]) -> str:
    rows = [f"| floor | rooms of `{contract['id']}`; each knows only rooms of floors below |", "|---:|---|"]
    for number, layer in zip(range(len(contract["layers"]), 0, -1), contract["layers"], strict=True):
        rooms = ", ".join(f"`{room.strip()}`" for room in re.split(r"[|:]", layer))
        rows.append(f"| {number} | {rooms} |")
    return "\n".join(rows)


def _of_its_own(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and all within them, except what belongs to a function or class inside."""
    for node in nodes:
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            yield node
            yield from _of_its_own(ast.iter_child_nodes(node))


def _name_of(error: ast.expr | None) -> str:
    """The name of the class that is raised; empty where the `raise` itself doesn't show a public one."""
    called = error.func if isinstance(error, ast.Call) else error
    name = getattr(called, "attr", None) or getattr(called, "id", "")
    return name if name[:1].isupper() else ""


def _misnamed(node: ast.ImportFrom) -> Iterator[str]:
    if node.module == "django.utils.translation":
        yield from (a.name for a in node.names if a.asname != GETTEXT.get(a.name))


def _is_own_import(node: ast.AST) -> bool:
    """Whether it imports what is ours, by `import_module` and a name too."""
    if isinstance(node, ast.Call):
        called = getattr(node.func, "attr", None) or getattr(node.func, "id", "")
        return called in {"import_module", "__import__", "import_string"} and _is_own_name(node.args[0])
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in APPS
    return isinstance(node, ast.Import) and any(a.name.partition(".")[0] in APPS for a in node.names)


def _is_own_name(given: ast.expr) -> bool:
    return isinstance(given, ast.Constant) and str(given.value).partition(".")[0] in APPS


def _spread(numbers: list[int]) -> dict[str, int]:
    ordered = sorted(numbers)
    return {
        "median": round(statistics.median(ordered)),
        "90_percent": ordered[int(0.9 * (len(ordered) - 1))],
        "longest": ordered[-1],
    }


def _said(found: dict[str, Any]) -> Iterator[str]:
    for name, value in found.items():
        if isinstance(value, dict):
            value = ", ".join(f"{key} {number}" for key, number in value.items()) or "none"
        elif isinstance(value, list):
            value = ", ".join(value) or "none"
        yield f"{name.replace('_', ' ')}: {value}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="house", description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one line of JSON")
    parser.add_argument("--floors", action="store_true", help="print who may import whom")
    options = parser.parse_args()
    if options.floors:
        print(floors())
    elif options.json:
        print(json.dumps(figures()))
    else:
        print("\n".join(_said(figures())))


if __name__ == "__main__":
    main()
