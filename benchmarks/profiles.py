"""`make bench-profiles`: how fast a customer file comes in, and how much memory that takes.

A CSV file of so many made-up customers is imported by `manage.py import_profiles` in a process of its own,
first as new profiles, then again with every second row changed, and the first one as a dry run that would change these
back; its memory is looked at all the while. After the new ones the texts are written by which people are found.
"""

import argparse
import csv
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil

from campaign.stack.temporary import BASE_DIR, Stack, safety, temporary_stack

HEADER = ("customer_id", "email", "first_name", "last_name", "language", "country", "city", "phone")
LOOK = 0.05  # seconds between two looks at the memory


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make bench-profiles", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000, help="customers in the file (1000000)")
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    args = parser.parse_args(argv)
    if args.rows < 1:
        parser.error("--rows: at least 1")
    with temporary_stack() as stack:
        _make_person(stack)
        first, second = stack.folder / "first.csv", stack.folder / "second.csv"
        _write(first, args.rows)
        _write(second, args.rows, changed=True)
        fresh = _import(stack, first)
        texts = _texts()
        again = _import(stack, second)
        rehearsed = _import(stack, first, "--dry-run")
        result = {
            "rows": args.rows,
            "bytes": first.stat().st_size,
            "new_per_s": round(args.rows / fresh["seconds"]),
            "again_per_s": round(args.rows / again["seconds"]),
            "dry_run_per_s": round(args.rows / rehearsed["seconds"]),
            "texts_per_s": texts,
            "peak_rss_mb": max(fresh["peak_rss_mb"], again["peak_rss_mb"]),
            "created": fresh["created"],
            "updated": again["updated"],
            "unchanged": again["unchanged"],
            "load": round(os.getloadavg()[0], 1),
            **safety(stack.env["DATABASE_URL"]),
        }
    result["balanced"] = result["created"] == result["updated"] + result["unchanged"] == args.rows
    print(json.dumps(result) if args.as_json else "\n".join(f"{k:>20}: {v}" for k, v in result.items()))
    return 0 if result["balanced"] else 1


def _make_person(stack: Stack) -> None:
    os.environ.update(stack.env)
    import django

    django.setup()
    from accounts import access
    from accounts.models import Role, User
    from accounts.roles import root

    user = User.objects.create(username="bench", home_unit=root())
    access.grant(user=user, role=Role.objects.get(pk="import"), unit=root(), by=None)


def _write(file: Path, rows: int, *, changed: bool = False) -> None:
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow(HEADER)
        for n in range(1, rows + 1):
            city = "Olinda" if changed and n % 2 else "Recife"
            writer.writerow(
                (f"C{n}", f"p{n}@example.com", f"Ana {n}", "Souza", "pt-br", "BR", city, f"+55819{n:08}")
            )


def _texts() -> int:
    """How many texts a second are written by which people are found, as a worker does it after an import."""
    from audiences import search_texts

    began = time.monotonic()
    written = search_texts.fill(seconds=3_600)
    return round(written / (time.monotonic() - began))


def _import(stack: Stack, file: Path, *options: str) -> dict[str, Any]:
    """What the command answered, with the most memory that its process ever held."""
    command = [sys.executable, "manage.py", "import_profiles", str(file), "--as", "bench", "--json", *options]
    began = time.monotonic()
    process = subprocess.Popen(command, cwd=BASE_DIR, env=stack.env, stdout=subprocess.PIPE)
    watched, peak = psutil.Process(process.pid), 0
    while process.poll() is None:
        try:
            peak = max(peak, watched.memory_info().rss)
        except psutil.NoSuchProcess:
            break
        if sys.stderr.isatty():
            print(f"\r{file.stem}: {time.monotonic() - began:5.0f} s  ", end="", file=sys.stderr, flush=True)
        time.sleep(LOOK)
    said = process.communicate()[0]
    if process.returncode:
        raise SystemExit(f"the import failed ({process.returncode}): {said.decode()[-2000:]}")
    return json.loads(said) | {"peak_rss_mb": round(peak / 2**20)}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
