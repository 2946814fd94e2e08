"""List the filters of logs that a person keeps by name."""

from typing import Any

from accounts.commands import PersonCommand
from accounts.models import User
from reporting.models import LogFilter


class Command(PersonCommand):
    help = "List the filters of logs that the person keeps by name, with what each chooses."
    example = "manage.py list_log_filters --as ana"

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        rows = list(LogFilter.objects.filter(user=by))
        for row in rows:
            self.say(f"{row.log}: “{row.name}”: {row.query}")
        if not rows:
            self.say("None is kept.")
        return {"filters": [{"log": row.log, "name": row.name, "filters": row.chosen} for row in rows]}
