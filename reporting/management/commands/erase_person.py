"""Erase all that is known of a person, or say what would go."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from audiences.models import Erasure
from campaign.lib import clock
from reporting.persons import erasing
from reporting.persons.erasing import WAITS, Whom


class Command(PersonCommand):
    help = (
        "Erase a person, named by an address, the id of a profile or an external id: the profile, its wishes and"
        " addresses, and address, values and words of servers in all that was sent. Figures stay. Nothing more"
        " leaves to them, and no import or sign-up brings them back. --dry-run says place by place what would go, what"
        " must wait, and what no erasure changes. Exit code 0: erased (or said), 1: refused, 2: wrong usage or"
        " nobody found."
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument("person_", metavar="ADDRESS_OR_ID")
        which = parser.add_mutually_exclusive_group()
        which.add_argument("--dry-run", action="store_true", help="say what would go; change nothing")
        which.add_argument("--yes", metavar="WORD", help="erase: the address, or the id where there is none")
        which.add_argument(
            "--allow-again", action="store_true", help="let whoever has this address come in again"
        )
        parser.add_argument("--reference", default="", help="by what the request is known, such as a ticket")

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Say, erase or allow again. Raise CommandError where a rule refuses."""
        assert by is not None
        if options["allow_again"]:
            return self._allow_again(options["person_"], by)
        whom = erasing.find(options["person_"], by=by)
        if options["dry_run"] or not options["yes"]:
            return self._say(whom)
        erasure = erasing.erase(
            whom, confirmed=options["yes"], by=by, at=clock.now(), reference=options["reference"]
        )
        return self._done(erasure, whom)

    def _allow_again(self, address: str, by: User) -> dict[str, Any]:
        is_allowed = erasing.allow_again(address, by=by)
        self.say("The address may come in again." if is_allowed else "Nobody with this address was erased.")
        return {"allowed": is_allowed}

    def _say(self, whom: Whom) -> dict[str, Any]:
        lines, waits, left = erasing.lines(whom), erasing.waits(whom), erasing.not_covered(whom)
        for line in lines:
            self.say(f"{line.number:>8,}  {line.label}: {line.fate}")
        for why, number in waits.items():
            self.say(f"{number:>8,}  wait: {WAITS[why] % number}")
        for label, number in left:
            self.say(f"{number:>8,}  not erased, change it there: {label}")
        self.say(f"Nothing was changed. To erase: erase_person {whom.word} --yes {whom.word}")
        return {
            "erased": False,
            "profiles": [profile.pk for profile in whom.profiles],
            "places": {line.code: line.number for line in lines},
            "waits": waits,
            "not_covered": {str(label): number for label, number in left},
        }

    def _done(self, erasure: Erasure, whom: Whom) -> dict[str, Any]:
        left = erasing.not_covered(whom)
        self.say(f"Erased, number {erasure.pk}.")
        for why, number in erasure.waits.items():
            self.say(f"{number:>8,}  wait, and go by themselves: {WAITS[why] % number}")
        for label, number in left:
            self.say(f"{number:>8,}  not erased, change it there: {label}")
        return {
            "erased": True,
            "erasure": erasure.pk,
            "places": erasure.gone,
            "waits": erasure.waits,
            "not_covered": {str(label): number for label, number in left},
        }
