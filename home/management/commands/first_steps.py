"""The steps from an empty database to the first delivery, and what is missing."""

from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib import clock
from home import first_steps


class Command(PersonCommand):
    help = (
        "List the steps from an empty database to the first delivery: what is done, what is missing, and which "
        "commands do it."
    )
    example = "manage.py first_steps"
    exit_codes = "0 all is done, 1 something is missing, 2 wrong usage"
    requires_person = False

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Print the steps and return them. Raise SystemExit (1) while something is missing."""
        steps = first_steps.of_installation(at=clock.now())
        for number, step in enumerate(steps, start=1):
            self.say(f"{number:>2}. {'done   ' if step.is_done else 'missing'} {step.title} ({step.command})")
            for text in step.missing:
                self.say(f"      {text}")
        answer = {"steps": [step.as_dict() for step in steps]}
        if not all(step.is_done for step in steps):
            if self.as_json:
                self._print_json(answer)
            raise SystemExit(1)
        return answer
