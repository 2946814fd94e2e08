"""Write the shipped roles and the root unit."""

from typing import Any

from django.core.management.base import BaseCommand

from accounts.roles import SHIPPED, sync_roles


class Command(BaseCommand):
    help = "Write the shipped roles into the database and bring everybody's rights in line with them."

    def handle(self, *args: Any, **options: Any) -> None:
        sync_roles()
        self.stdout.write(self.style.SUCCESS(f"{len(SHIPPED)} roles are as shipped."))
