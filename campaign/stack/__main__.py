"""`python -m campaign.stack`: what the Makefile calls."""

import argparse
import importlib.util
import os
import runpy
import signal
import sys
from pathlib import Path

from campaign.stack import advisories, browser, dovecot, messages, pgbouncer, run, supervise
from campaign.stack.errors import StackError
from campaign.stack.run import refuse_foreign_database
from inbox import receiver

BASE_DIR = Path(__file__).resolve().parent.parent.parent
REFUSED = 2


def main(argv: list[str]) -> int:
    command, rest = (argv[0] if argv else "help"), argv[1:]
    if command in ("demo", "bench"):
        return _program(command, rest)
    parser = argparse.ArgumentParser(prog="campaign.stack")
    parser.add_argument(
        "command",
        choices=[
            "run",
            "reset",
            "messages",
            "audit",
            "chromium",
            "pgbouncer",
            "dovecot",
            "supervise",
            "receiver",
        ],
    )
    if command == "receiver":
        return receiver.main(rest)
    if command == "supervise":
        return supervise.main(" ".join(rest))
    parser.parse_args([command, *rest])
    return _own(command)


def _own(command: str) -> int:
    os.chdir(BASE_DIR)
    match command:
        case "run":
            return run.run(BASE_DIR)
        case "reset":
            return run.reset(BASE_DIR)
        case "messages":
            messages.compile_all(BASE_DIR)
        case "audit":
            return advisories.audit(BASE_DIR)
        case "chromium":
            browser.ensure()
        case "pgbouncer":
            pgbouncer.ensure()
        case "dovecot":
            dovecot.ensure()
    return 0


def _program(command: str, rest: list[str]) -> int:
    """Run the demo or a benchmark as a program of its own."""
    name = f"bench-{rest[0]}" if command == "bench" and rest else command
    refuse_foreign_database(name)
    module = f"benchmarks.{rest[0]}" if command == "bench" and rest else "campaign.stack.demo"
    if (command == "bench" and not rest) or importlib.util.find_spec(module) is None:
        raise StackError(f"There is no `{name}`.")
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # what it started is stopped then, too
    sys.argv = [name, *(rest[1:] if command == "bench" else rest)]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except StackError as error:
        print(error, file=sys.stderr)
        sys.exit(REFUSED)
    except KeyboardInterrupt:
        sys.exit(130)
