"""Print what Prometheus is told."""

from typing import Any

from django.core.management.base import BaseCommand

from home import metrics


class Command(BaseCommand):
    help = "Print the metrics of this installation as Prometheus reads them, as for a textfile collector."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(metrics.text().decode(), ending="")
