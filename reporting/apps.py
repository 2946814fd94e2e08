from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ReportingConfig(AppConfig):
    name = "reporting"
    verbose_name = _("Reporting")

    def ready(self) -> None:
        from deliveries.folders import goals, tree
        from deliveries.overview import figures
        from reporting.counting import statistics
        from reporting.figures import kpis
        from reporting.scheduled import definitions

        tree.also_goes(definitions.go_with_folder)
        for one in kpis.DEFINITIONS:
            if one.code not in kpis.NO_GOALS:
                goal = goals.Goal(one.label, one.is_rate, is_most=one.code in kpis.LESS_IS_BETTER)
                goals.offered_as(one.code, goal)
        gone = kpis.BY_CODE["unsubscribes"]
        figures.shown_as(
            gone.count, figures.Shown(statistics.unsubscribers, gone.label, gone.named.log, gone.named.rows)
        )
