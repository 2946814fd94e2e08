"""`make demo`: the main job from end to end on real parts, without a page, and an account of it.

PostgreSQL, Valkey, workers, cron and a mail server of its own in a temporary folder; three people take
the project's customers and newsletter from the file to the inbox through the commands. It ends with 0 only
if the books balance and the mail server holds exactly one message for each recipient that was sent to.
"""

import argparse
import json
import signal
import sqlite3
import sys
from collections import Counter
from contextlib import closing
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg

from campaign.stack.temporary import Stack, temporary_stack

BASE_DIR = Path(__file__).resolve().parent.parent.parent
CUSTOMERS = BASE_DIR / "audiences" / "demo" / "customers.csv"
NEWSLETTER = BASE_DIR / "deliveries" / "demo" / "newsletter"
UNIT, LABEL, AUDIENCE = "Brasil", "The new harvest", "All customers"
PROCESSES = ("mail", "work", "steps", "counts", "tick", "send", "send", "cron")  # each a process of its own
LONGEST_SEND = 300
SENT = 1  # as deliveries.models.MessageStatus has it


def main(argv: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="make demo", description=__doc__)
    parser.add_argument("--json", action="store_true", dest="as_json", help="end with one JSON object")
    parser.add_argument(
        "--pooled", action="store_true", help="everything goes through PgBouncer in transaction mode"
    )
    args = parser.parse_args(argv)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _interrupt)
    _say("PostgreSQL, Valkey, workers and a mail server start")
    # The mail server takes at the second try what it puts off at the first: soon enough for a demo.
    with temporary_stack(
        PROCESSES, pooled=args.pooled, SINETE_RETRY_SECONDS="2", LOG_LEVEL="WARNING"
    ) as stack:
        account = Demo(stack).run()
    print(json.dumps(account) if args.as_json else as_table(account), flush=True)
    for problem in account["problems"]:
        _say(f"It does not balance: {problem}")
    return 1 if account["problems"] else 0


class Demo:
    """The job, step by step; each step is a command that one person gives."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack

    def run(self) -> dict[str, Any]:
        self.stack.manage("load_demo", "--people")
        began = monotonic()
        _say("ines imports the customers")
        imported = self._command("import_profiles", CUSTOMERS, "--unit", UNIT, "--declare", by="ines")
        _say("ana makes the delivery and prepares it")
        name = self._command("create_delivery", self._file(), by="ana")["delivery"]
        prepared = self._command("prepare_delivery", name, "--wait", by="ana")["preparation"]
        _say(f"bruno approves version {prepared['number']}")
        self._command("approve_delivery", name, "--seal", prepared["seal"], by="bruno")
        _say(f"carla confirms {prepared['to_deliver']:,} messages")
        sending = monotonic()
        self._command(
            "confirm_delivery", name, "--seal", prepared["seal"], "--type", prepared["to_deliver"], by="carla"
        )
        self._command("wait_delivery", name, "--timeout", LONGEST_SEND)
        ended = monotonic()
        shown = self._command("show_delivery", name)
        account = self._account(shown)
        account |= {
            "imported": imported,
            "seconds": round(ended - began, 2),
            "seconds_sending": round(ended - sending, 2),
        }
        return {**account, "problems": problems(account)}

    def _file(self) -> Path:
        file = self.stack.folder / "delivery.json"
        content = json.loads((NEWSLETTER / "newsletter.json").read_text())
        content |= {"html_file": str(NEWSLETTER / "newsletter.html"), "images": str(NEWSLETTER / "images")}
        delivery = {
            "label": LABEL,
            "unit": UNIT,
            "audience": {"label": AUDIENCE, "rule": {"all": []}},
            "content": content,
            "schedule": {"at": "now"},
        }
        file.write_text(json.dumps(delivery))
        return file

    def _account(self, shown: dict[str, Any]) -> dict[str, Any]:
        preparation, counts = shown["preparation"], shown["messages"]
        rows, sent_to = self._ledger(shown["id"])
        received = self._received()
        return {
            "delivery": shown["delivery"],
            "status": shown["status"],
            "targeted": preparation["targeted"],
            "excluded": preparation["causes"],
            "to_deliver": preparation["to_deliver"],
            **{
                name: counts[name]
                for name in ("sent", "failed", "in_doubt", "ignored", "cancelled", "erased", "prepared")
            },
            "retrying": counts["retrying"],
            "rows": rows,
            "received": sum(received.values()),
            "duplicates": sum(number - 1 for number in received.values()),
            "missing": sum((Counter(sent_to) - received).values()),
            "unexpected": sum((received - Counter(sent_to)).values()),
        }

    def _ledger(self, delivery_id: int) -> tuple[int, list[str]]:
        """How many rows there are, and the addresses of those that say sent: read past the application."""
        with psycopg.connect(self.stack.env["DATABASE_URL"]) as connection:
            rows = connection.execute(
                "SELECT status, address FROM deliveries_message WHERE delivery_id = %s", [delivery_id]
            ).fetchall()
        return len(rows), [_normal(address) for status, address in rows if status == SENT]

    def _received(self) -> Counter[str]:
        """How many messages the mail server has for each recipient."""
        with closing(sqlite3.connect(self.stack.folder / "inbox.sqlite3")) as inbox:
            return Counter(
                _normal(recipient) for (recipient,) in inbox.execute("SELECT recipient FROM message")
            )

    def _command(self, name: str, *arguments: object, by: str = "") -> dict[str, Any]:
        who = ["--as", by] if by else []
        return json.loads(self.stack.manage(name, *map(str, arguments), *who, "--json"))


def problems(account: dict[str, Any]) -> list[str]:
    """What does not agree; empty if the books balance and each recipient got one message."""
    excluded = sum(account["excluded"].values())
    outcomes = ("sent", "failed", "in_doubt", "ignored", "cancelled", "erased", "retrying", "prepared")
    checks = {
        "the delivery is not finished": account["status"] == "finished",
        "targeted is not exclusions and messages": account["targeted"] == excluded + account["to_deliver"],
        "the rows are not the messages": account["rows"] == account["to_deliver"],
        "the outcomes are not the messages": sum(account[name] for name in outcomes) == account["to_deliver"],
        "something is still open": not account["retrying"] and not account["prepared"],
        "received is not sent": account["received"] == account["sent"],
        "somebody got it twice": not account["duplicates"],
        "somebody did not get it": not account["missing"],
        "somebody got it who should not": not account["unexpected"],
    }
    return [text for text, holds in checks.items() if not holds]


def as_table(account: dict[str, Any]) -> str:
    """The Deployment block, for a terminal."""
    outcome = account["sent"] + account["failed"]

    def share(part: int) -> str:
        return f"{100 * part / outcome:6.2f} %" if outcome else "–"

    rows = [
        ("Targeted", account["targeted"], ""),
        *(
            (f"  excluded: {cause.replace('_', ' ')}", number, "")
            for cause, number in account["excluded"].items()
        ),
        ("To deliver", account["to_deliver"], ""),
        ("Sent", outcome, ""),
        ("  delivered", account["sent"], share(account["sent"])),
        ("  bounces and errors", account["failed"], share(account["failed"])),
        ("Outcome unknown", account["in_doubt"], ""),
        ("Received by the mail server", account["received"], ""),
        ("  twice", account["duplicates"], ""),
    ]
    lines = [f"  {name:<30} {number:>8,} {note:>10}".rstrip() for name, number, note in rows]
    head = f"Deployment of {account['delivery']}: {account['status']}"
    foot = f"{account['seconds']:.1f} s from the file to the inbox, {account['seconds_sending']:.1f} s of it sending"
    return "\n".join(["", f"  {head}", f"  {'─' * 50}", *lines, f"  {'─' * 50}", f"  {foot}", ""])


def _normal(address: str) -> str:
    """One spelling of an address, however its domain is written."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.encode('idna').decode()}".lower()


def _say(text: str) -> None:
    print(f"  {text}", file=sys.stderr, flush=True)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
