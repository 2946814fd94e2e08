from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class SendingConfig(AppConfig):
    """Models, tables and migrations are those of `deliveries`."""

    name = "deliveries.sending"
    verbose_name = _("Sending")
