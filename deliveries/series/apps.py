from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SeriesConfig(AppConfig):
    """Models, tables and migrations are those of `deliveries`."""

    name = "deliveries.series"
    verbose_name = _("Recurring deliveries")
