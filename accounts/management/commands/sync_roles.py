"""Write the shipped roles and the root unit."""

from typing import Any

from accounts.roles import SHIPPED, sync_roles
from campaign.lib.helped import HelpedCommand


class Command(HelpedCommand):
    help = "Write the shipped roles into the database and bring everybody's rights in line with them."
    example = "manage.py sync_roles"
    exit_codes = "0 done"

    def handle(self, *args: Any, **options: Any) -> None:
        sync_roles()
        self.stdout.write(self.style.SUCCESS(f"{len(SHIPPED)} roles are as shipped."))
