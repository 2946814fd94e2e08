from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ConfirmationConfig(AppConfig):
    """Models, tables and migrations are those of `deliveries`."""

    name = "deliveries.confirmation"
    verbose_name = _("Confirmation")
