"""Print what Prometheus is told."""

from typing import Any

from campaign.lib.helped import HelpedCommand
from home import metrics


class Command(HelpedCommand):
    help = "Print the metrics of this installation as Prometheus reads them, as for a textfile collector."
    example = "manage.py show_metrics > /var/lib/node_exporter/sinete.prom"
    exit_codes = "0 printed"
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(metrics.text().decode(), ending="")
