"""Print what happened to one person and what they did, newest first."""

from argparse import ArgumentParser
from typing import Any

from django.utils import timezone

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib.helped import row_count
from reporting.persons import finding, timeline, words
from reporting.persons.events import KINDS


class Command(PersonCommand):
    help = (
        "List what happened to one person and what they did, newest first: messages, exclusions, opens "
        "and clicks, mail that came back, consents, subscriptions, quarantine, imports, edits, proofs."
    )
    example = "manage.py person_history joao@example.com --kind message --kind reaction --as ana"

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("who", metavar="ADDRESS_OR_ID", help="address, profile number or external id")
        parser.add_argument(
            "--kind", action="append", default=[], choices=list(KINDS), help="only this kind; may be repeated"
        )
        parser.add_argument(
            "--limit", type=row_count, default=50, help=f"at most so many (50; {timeline.MOST_ROWS} at most)"
        )
        parser.add_argument("--before", default="", metavar="PLACE", help="go on behind this place")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        profile = finding.one(options["who"], by=by)
        limit = min(max(1, options["limit"]), timeline.MOST_ROWS)
        kinds = timeline.kinds_among(options["kind"])
        try:
            page = timeline.page(profile, user=by, kinds=kinds, before=options["before"], size=limit)
        except timeline.NoSuchPlace:
            self.fail("no_such_place", f"“{options['before']}” names no place in a history.", exit_code=2)
        entries = [words.entry(event) for event in page.events]
        for entry in entries:
            at = f"{timezone.localtime(entry.event.at):%Y-%m-%d %H:%M:%S %Z}"
            self.say("  ".join([at, *_told(entry)]))
        if page.hidden:
            self.say(f"Not shown: {page.hidden} of deliveries that {by.get_username()} may not see.")
        if page.older:
            self.say(f"More: --before '{page.older}'")
        return {
            "profile": profile.pk,
            "events": [_coded(entry) for entry in entries],
            "not_shown": page.hidden,
            "before": page.older or None,
        }


def _told(entry: words.Entry) -> list[str]:
    delivery = entry.event.delivery
    named = [f"{delivery.name} {delivery.label}"] if delivery else []
    return [entry.title, *named, *entry.notes]


def _coded(entry: words.Entry) -> dict[str, Any]:
    event = entry.event
    return {
        "at": event.at,
        "kind": event.kind,
        "what": event.what,
        "title": entry.title,
        "delivery": event.delivery.name if event.delivery else None,
        "seq": event.seq,
        "note": event.note,
        "detail": event.detail,
        "ref": event.ref,
    }
