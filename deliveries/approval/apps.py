from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ApprovalConfig(AppConfig):
    """Models, tables and migrations are those of `deliveries`."""

    name = "deliveries.approval"
    verbose_name = _("Approval")
