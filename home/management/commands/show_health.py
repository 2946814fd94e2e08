"""How the machinery stands: queues, workers, relays, disks."""

from typing import Any

from django.utils import timezone

from accounts.commands import PersonCommand
from accounts.models import User
from campaign.lib import clock
from home import health
from home.health import Health


class Command(PersonCommand):
    help = (
        "Show queues with their workers and waiting jobs, relays, disks and the size of the database, as the "
        "administration's first page does."
    )
    example = "manage.py show_health --json"
    exit_codes = "0 all is well, 1 something is wrong, 2 wrong usage"
    requires_person = False

    def act(self, *, by: User | None, options: dict[str, Any]) -> dict[str, Any]:
        """Print the figures and return them. Raise SystemExit (1) where something is wrong."""
        found = health.of_machinery(at=clock.now())
        self._tell(found)
        if found.faults:
            if self.as_json:
                self._print_json(found.as_dict())
            raise SystemExit(1)
        return found.as_dict()

    def _tell(self, found: Health) -> None:
        for one in found.queues:
            since = one.oldest and timezone.localtime(one.oldest)
            waits = "" if since is None else f", the oldest since {since:%Y-%m-%d %H:%M:%S %Z}"
            self.say(
                f"{one.queue:<12} workers {one.workers}, running {one.running}, waiting {one.waiting}{waits},"
                f" failed {one.failed}"
            )
        for route in found.routes:
            state = f"rests: {route.closed_because}" if route in found.resting else "takes mail"
            self.say(f"route {route}: {state}")
        for disk in found.disks:
            self.say(f"{disk.folder}: {disk.free // 1_000_000:,} MB free of {disk.size // 1_000_000:,}")
        self.say(f"database: {found.database_bytes // 1_000_000:,} MB")
        for problem in found.problems:
            self.say(f"{'!' if problem.is_fault else '·'} {problem.text}")
