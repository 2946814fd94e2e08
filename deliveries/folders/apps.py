from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FoldersConfig(AppConfig):
    """Models, tables and migrations are those of `deliveries`."""

    name = "deliveries.folders"
    verbose_name = _("Folders")
