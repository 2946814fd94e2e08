from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = _("Reporting")

    def ready(self) -> None:
        from deliveries.overview import figures
        from reporting import kpis, statistics

        gone = kpis.BY_CODE["unsubscribes"]
        figures.shown_as(
            gone.count, figures.Shown(statistics.unsubscribers, gone.label, gone.named.log, gone.named.rows)
        )
