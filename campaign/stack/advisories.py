"""Asks whether an advisory names a version that is pinned; says why where nobody can be asked."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS = 90
FILES = ("requirements.txt", "requirements-dev.txt")


def audit(base_dir: Path) -> int:
    """0: no advisory names what is installed, or none could be had, which is said; 1: some do, each with its mend."""
    try:
        asked = _ask(base_dir)
    except subprocess.TimeoutExpired:
        print(f"audit: skipped, the advisories did not come within {SECONDS} seconds.")
        return 0
    packages = _packages(asked.stdout)
    skipped = [package["skip_reason"] for package in packages if "skip_reason" in package]
    if len(skipped) == len(packages):
        print(
            f"audit: skipped, the advisories can't be had here: {(skipped or [_last_line(asked.stderr)])[0]}"
        )
        return 0
    found = _advisories(packages)
    for line in found:
        print(line)
    if skipped:
        print(
            f"audit: of {len(skipped)} of {len(packages)} versions nothing could be had, such as: {skipped[0]}"
        )
    print(
        "audit: each of these has to be updated or answered."
        if found
        else "audit: no advisory names what is pinned."
    )
    return 1 if found else 0


def _ask(base_dir: Path) -> "subprocess.CompletedProcess[str]":
    pinned = [option for name in FILES for option in ("--requirement", str(base_dir / name))]
    command = [sys.executable, "-m", "pip_audit", "--no-deps", "--disable-pip", "--progress-spinner", "off"]
    return subprocess.run(
        [*command, "--format", "json", *pinned],
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


def _packages(answer: str) -> list[dict[str, Any]]:
    """What was asked about, each with its advisories or why there are none; nothing where this is no answer."""
    try:
        return list(json.loads(answer)["dependencies"])
    except (ValueError, KeyError, TypeError):
        return []


def _advisories(packages: list[dict[str, Any]]) -> list[str]:
    return [
        f"{package['name']} {package['version']}: {advisory['id']}, mended in"
        f" {', '.join(advisory['fix_versions']) or 'no version yet'}"
        for package in packages
        for advisory in package.get("vulns", ())
    ]


def _last_line(text: str) -> str:
    lines = [line for line in text.strip().splitlines() if line.strip()]
    return lines[-1][:300] if lines else "pip-audit said nothing"
