"""`make house`: the figures of the house, counted in the source as it stands.

Prints files, lines, lengths of functions, how many modules lie flat in each package, own imports in functions, and who
writes the status of a delivery or of a message. `--json` for a machine. `--floors` prints who may import whom, as
docs/architecture.md shows it, from the import contract.
"""

import argparse
import ast
import json
import re
import statistics
import tomllib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BASE_DIR = Path(__file__).resolve().parent.parent
APPS = ("accounts", "audiences", "campaign", "deliveries", "feedback", "inbox", "reporting")
LONGEST_FILE = 450  # lines; migrations aside

_MESSAGE_STATUS = re.compile(r"UPDATE deliveries_message\b[^;\"]*?\bSET\b[^;\"]*?\bstatus\b", re.S)
_DELIVERY_STATUS = re.compile(
    r"\bdelivery\.status\s*=[^=]|Delivery\.objects[^\n]*\.update\([^)]*\bstatus="
    r"|UPDATE deliveries_delivery\b[^;\"]*?\bSET\b[^;\"]*?\bstatus\b",
    re.S,
)


def sources(*, tests: bool = False) -> Iterator[Path]:
    """The files of the apps, without migrations; with or without their tests."""
    for app in APPS:
        for path in sorted((BASE_DIR / app).rglob("*.py")):
            is_test = "tests" in path.parts or path.name == "conftest.py"
            if "migrations" not in path.parts and (tests or not is_test):
                yield path


def figures() -> dict[str, Any]:
    """Everything that is counted, by name."""
    lines: dict[str, int] = {}
    functions: list[int] = []
    flat: Counter[str] = Counter()
    lazy: list[str] = []
    writers: dict[str, list[str]] = {"delivery": [], "message": []}
    for path in sources():
        name, text = str(path.relative_to(BASE_DIR)), path.read_text()
        lines[name] = text.count("\n")
        if path.name != "__init__.py":
            flat[str(path.parent.relative_to(BASE_DIR))] += 1
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                functions.append((node.end_lineno or node.lineno) - node.lineno + 1)
                if node.name != "ready":
                    lazy += [f"{name}:{one.lineno}" for one in ast.walk(node) if _is_own_import(one)]
        for what, pattern in (("delivery", _DELIVERY_STATUS), ("message", _MESSAGE_STATUS)):
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
        "writers_of_a_deliverys_status": writers["delivery"],
        "writers_of_a_messages_status": writers["message"],
    }


def floors() -> str:
    """Who may import whom within `deliveries`, from top to bottom, as a Markdown table made from the contract."""
    config = tomllib.loads((BASE_DIR / "pyproject.toml").read_text())["tool"]["importlinter"]
    contract = next(one for one in config["contracts"] if one["id"] == "deliveries")
    rows = ["| floor | rooms; each knows only rooms of floors below |", "|---:|---|"]
    for number, layer in zip(range(len(contract["layers"]), 0, -1), contract["layers"], strict=True):
        rooms = ", ".join(f"`{room.strip()}`" for room in re.split(r"[|:]", layer))
        rows.append(f"| {number} | {rooms} |")
    return "\n".join(rows)


def _is_own_import(node: ast.AST) -> bool:
    if isinstance(node, ast.ImportFrom):
        return (node.module or "").partition(".")[0] in APPS
    return isinstance(node, ast.Import) and any(a.name.partition(".")[0] in APPS for a in node.names)


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
