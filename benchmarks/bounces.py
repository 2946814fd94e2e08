"""`make bench-bounces`: how many of the mails that came back are read right, beside flufl.bounce on the same mails.

The mails are those of ../shared/data/bounces, whose table says what each is. A mail is right if its kinds are, and its
recipients are right if they are the same, whatever their case. Results are printed for all mails, without those that
the peer ships itself, for each source of mails alone and for all others, and with the rules of each product's own words
off. Ends with 1 where a goal is missed.
"""

import argparse
import csv
import email
import json
import logging
import os
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import NamedTuple

import django
from django.conf import settings

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "campaign.settings")
django.setup()

from flufl.bounce import all_failures  # noqa: E402  Django is set up before

from feedback.reports import Kind, read  # noqa: E402  Django is set up before
from feedback.reports.rules import in_force  # noqa: E402  Django is set up before

FOLDER = Path(settings.BASE_DIR).parent / "shared" / "data" / "bounces"
CRASHED = "crashed"
PEERS_OWN = "flufl.bounce"
LOST = {Kind.HARD, Kind.SOFT}
COUNTED = {*LOST, Kind.COMPLAINT}
# A mail of these kinds must never be counted against anybody.
HARMLESS = {Kind.NOT_A_BOUNCE, Kind.AUTO_REPLY, Kind.DELAYED, Kind.DELIVERED}
GOALS = {"kind": 0.97, "recipients": 0.98, "false_hard": 0.005}

Said = dict[str, set[str]]  # recipients by kind


class Mail(NamedTuple):
    """One mail of the collection, and what its table says of it."""

    name: str
    raw: bytes
    source: str
    said: Said


class Result(NamedTuple):
    """What one reader made of some mails."""

    mails: int
    kind: float
    recipients: float
    false_hard: float
    # Harmless ones that were called a bounce or a complaint.
    harmed: list[str]
    wrong: list[str]


def main(argv: list[str]) -> int:
    """Print how many mails are read right; return 1 where a goal is missed or there are no mails."""
    parser = argparse.ArgumentParser(
        prog="make bench-bounces", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, default=FOLDER, help="mails with an expected.csv beside them")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args(argv)
    if not (arguments.folder / "expected.csv").exists():
        print(f"There are no mails in {arguments.folder}.", file=sys.stderr)
        return 1
    logging.getLogger(PEERS_OWN).setLevel(logging.CRITICAL)  # a line for each of its detectors
    found = figures(collection(arguments.folder))
    print(json.dumps(_plain(found)) if arguments.json else _as_text(found))
    return int(not found["goals_met"])


def collection(folder: Path) -> list[Mail]:
    """The mails of a folder, with what its table says."""
    table: dict[str, Said] = {}
    sources = {}
    with (folder / "expected.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            addresses = {address.lower() for address in row["recipient"].split(";") if address}
            table.setdefault(row["file"], {}).setdefault(row["kind"], set()).update(addresses)
            sources[row["file"]] = re.sub(r" [0-9a-f]{7}$| [\d.]+$", "", row["source"])
    return [Mail(name, (folder / name).read_bytes(), sources[name], said) for name, said in table.items()]


def figures(mails: list[Mail]) -> dict[str, object]:
    """Every figure that the benchmark prints."""
    ours, our_seconds = timed(mails, of_sinete)
    peers, peer_seconds = timed(mails, of_peer)
    foreign = [mail for mail in mails if mail.source != PEERS_OWN]
    sources = sorted({mail.source for mail in mails})
    whole = judged(mails, ours)
    return {
        "all": whole,
        "without_the_peers_own": judged(foreign, ours),
        "peer": judged(mails, peers),
        "peer_without_its_own": judged(foreign, peers),
        "peer_crashed": sum(CRASHED in said for said in peers.values()),
        "peer_lost_or_not": _coarse(mails, peers),
        "lost_or_not": _coarse(mails, ours),
        "by_kind": {
            kind: judged([m for m in mails if kind in m.said], ours) for kind in sorted(map(str, Kind))
        },
        "by_source": {one: judged([m for m in mails if m.source == one], ours) for one in sources},
        "leaving_out": {one: judged([m for m in mails if m.source != one], ours) for one in sources},
        "without_the_rules_of": {one: judged(mails, _without(mails, one)) for one in in_force().sources()},
        "seconds_for_1000": round(our_seconds / len(mails) * 1000, 2),
        "peer_seconds_for_1000": round(peer_seconds / len(mails) * 1000, 2),
        "goals_met": _goals_met(whole),
    }


def judged(mails: list[Mail], said: dict[str, Said]) -> Result:
    """Compare what was said of these mails with the table."""
    right_kind = [mail for mail in mails if set(said[mail.name]) == set(mail.said)]
    right_recipients = [mail for mail in mails if _everybody(said[mail.name]) == _everybody(mail.said)]
    false_hard = [mail for mail in mails if Kind.HARD in said[mail.name] and Kind.HARD not in mail.said]
    harmed = [mail for mail in mails if set(mail.said) <= HARMLESS and COUNTED & set(said[mail.name])]
    wrong = [mail for mail in mails if mail not in right_kind or mail not in right_recipients]
    number = len(mails) or 1
    return Result(
        len(mails),
        round(len(right_kind) / number, 4),
        round(len(right_recipients) / number, 4),
        round(len(false_hard) / number, 4),
        [mail.name for mail in harmed],
        [mail.name for mail in wrong],
    )


def timed(mails: Iterable[Mail], reader: Callable[[bytes], Said]) -> tuple[dict[str, Said], float]:
    """What a reader says of each mail, and the seconds of processor time that it took."""
    began = time.process_time()
    said = {mail.name: reader(mail.raw) for mail in mails}
    return said, time.process_time() - began


def of_sinete(raw: bytes) -> Said:
    return _by_kind((one.kind, one.recipient) for one in read(raw).recipients)


def _without(mails: Iterable[Mail], source: str) -> dict[str, Said]:
    book = in_force().without(source)
    return {
        mail.name: _by_kind((one.kind, one.recipient) for one in read(mail.raw, book=book).recipients)
        for mail in mails
    }


def of_peer(raw: bytes) -> Said:
    """The peer knows failures for good and for now, and nothing else; some mails it can't read."""
    try:
        for_now, for_good = all_failures(email.message_from_bytes(raw))
    except Exception:
        return {CRASHED: set()}
    said = [(Kind.HARD, one.decode("utf-8", "replace")) for one in for_good]
    said += [(Kind.DELAYED, one.decode("utf-8", "replace")) for one in for_now]
    return _by_kind(said or [(Kind.NOT_A_BOUNCE, "")])


def _by_kind(pairs: Iterable[tuple[str, str]]) -> Said:
    said: Said = {}
    for kind, recipient in pairs:
        said.setdefault(str(kind), set()).update({recipient.lower()} - {""})
    return said


def _everybody(said: Said) -> set[str]:
    return set().union(*said.values())


def _coarse(mails: list[Mail], said: dict[str, Said]) -> float:
    """The share of mails of which is known whether a message is lost: all that the peer tells."""
    right = Counter(bool(LOST & set(said[mail.name])) == bool(LOST & set(mail.said)) for mail in mails)
    return round(right[True] / len(mails), 4)


def _goals_met(whole: Result) -> bool:
    return (
        whole.kind >= GOALS["kind"]
        and whole.recipients >= GOALS["recipients"]
        and whole.false_hard <= GOALS["false_hard"]
        and not whole.harmed
    )


def _plain(value: object) -> object:
    """The same with names instead of places, as JSON has it."""
    if isinstance(value, Result):
        return value._asdict()
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    return value


def _as_text(found: dict[str, object]) -> str:
    lines = [f"{'':34}  mails   kind  recipients  false hard  harmed"]
    for name, value in found.items():
        if isinstance(value, Result):
            lines.append(_row(name, value))
        elif isinstance(value, dict):
            lines += ["", name, *(_row(f"  {one}", result) for one, result in value.items())]
        else:
            lines.append(f"{name:34}  {value}")
    whole = found["all"]
    assert isinstance(whole, Result)
    return "\n".join([*lines, *(f"wrong: {name}" for name in whole.wrong)])


def _row(name: str, result: Result) -> str:
    shares = f"{result.kind:>7.1%}  {result.recipients:>9.1%}  {result.false_hard:>9.2%}"
    return f"{name:34}  {result.mails:>5}{shares}  {len(result.harmed):>6}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
