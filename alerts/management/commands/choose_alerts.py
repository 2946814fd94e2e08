"""Choose how one is told of alerts."""

from argparse import ArgumentParser
from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from alerts import choices
from alerts.choices import Chosen
from alerts.models import Condition, MailWhen, Whose


class Command(PersonCommand):
    help = "Choose how the person of --as is told of alerts, by condition; without a condition, show how they are told."
    example = (
        "manage.py choose_alerts bounces complaints --whose mine --mail at_once --as carla\n"
        "manage.py choose_alerts --as carla"
    )

    def add_options(self, parser: ArgumentParser) -> None:
        known = ", ".join(Condition.values)
        parser.add_argument(
            "conditions", metavar="CONDITION", nargs="*", help=f"one or more of: {known}; or: all"
        )
        parser.add_argument("--whose", choices=Whose.values, help="of which deliveries")
        parser.add_argument("--mail", choices=MailWhen.values, help="when by mail")

    def act(self, *, by: User | None, options: dict[str, Any]) -> Any:
        assert by is not None
        named = Condition.values if options["conditions"] == ["all"] else options["conditions"]
        if unknown := [name for name in named if name not in Condition.values]:
            self.fail("unknown_condition", f"There is no condition “{unknown[0]}”.", exit_code=2)
        now = choices.of(by)
        wanted = {
            condition: Chosen(
                Whose(options["whose"] or now[condition].whose),
                MailWhen(options["mail"] or now[condition].mail),
            )
            for condition in map(Condition, named)
        }
        choices.save(by=by, chosen=wanted)
        for condition, one in (now | wanted).items():
            self.say(f"{condition.value}: {one.whose.label}; by mail: {one.mail.label}")
        return {each.value: {"whose": one.whose, "mail": one.mail} for each, one in (now | wanted).items()}
