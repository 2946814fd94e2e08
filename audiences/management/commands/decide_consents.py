"""List consents that nobody could read, and decide about them."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import OrganizationalUnit, User
from audiences import sight
from audiences.consent import doubts
from audiences.models import Profile
from campaign.lib import clock

SHOWN = 200


class Command(PersonCommand):
    help = (
        "List whose consent is unclear; with --decision, decide about one person (--profile ID) or about all of a "
        "unit and below (--unit LABEL)."
    )
    example = (
        "manage.py decide_consents --as ines\n"
        "manage.py decide_consents --decision write --unit Brasil --expected 12 --as ines"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--decision", choices=["write", "opt_out"], help="may be written to, or opted out"
        )
        whom = parser.add_mutually_exclusive_group()
        whom.add_argument("--profile", type=int, metavar="ID", help="the number of the profile")
        whom.add_argument("--unit", metavar="LABEL", help="all of this unit and below")

        parser.add_argument(
            "--expected",
            type=int,
            metavar="NUMBER",
            help="how many of the unit are open, to write to all of them",
        )

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        assert by is not None
        if not options["decision"]:
            return self._list(by)
        decision, at = options["decision"], clock.now()
        if options["profile"]:
            profile = sight.people(by).select_related("unit").filter(pk=options["profile"]).first()
            if profile is None:
                self.fail("no_such_profile", f"There is no profile {options['profile']}.", exit_code=2)
            number = doubts.decide(profile=profile, decision=decision, at=at, by=by)
        else:
            unit = self._unit(options["unit"])
            number = doubts.decide_all(
                unit=unit, decision=decision, at=at, by=by, expected=options["expected"]
            )
        self.say(f"{number:,} decided.")
        return {"decided": number, "decision": decision}

    def _list(self, by: User) -> dict[str, Any]:
        rows = doubts.open_to(by).select_related("profile")
        found = [
            {
                "profile": doubt.profile_id,
                "channel": doubt.channel,
                "words": doubt.words,
                "reference": doubt.reference,
            }
            for doubt in rows[:SHOWN]
        ]
        people: dict[int, Profile] = {doubt.profile_id: doubt.profile for doubt in rows[:SHOWN]}
        for row in found:
            self.say(f"{row['profile']:>10}  {people[row['profile']]!s:<40}  {row['words']}")
        number = rows.count()
        self.say(f"{number:,} open.")
        return {"open": number, "doubts": found}

    def _unit(self, label: str | None) -> OrganizationalUnit:
        found = list(OrganizationalUnit.objects.filter(label=label or "")[:2])
        if len(found) != 1:
            self.fail("no_unit", "Say whom: --profile ID, or --unit LABEL.", exit_code=2)
        return found[0]
