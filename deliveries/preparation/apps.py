from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class PreparationConfig(AppConfig):
    """Models, tables and migrations are those of `deliveries`."""

    name = "deliveries.preparation"
    verbose_name = _("Preparation")
