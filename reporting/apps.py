from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = _("Reporting")

    def ready(self) -> None:
        from deliveries.overview import figures
        from reporting import statistics

        figures.counted_by("unsubscribers", statistics.unsubscribers)
