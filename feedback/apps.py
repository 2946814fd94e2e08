from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FeedbackConfig(AppConfig):
    name = "feedback"
    verbose_name = _("Feedback")

    def ready(self) -> None:
        """The settings are checked, and the doctor looks at what comes back by mail too."""
        from deliveries.overview import diagnosis
        from feedback import checks  # noqa: F401  registers the system checks
        from feedback.intake import faults

        diagnosis.also(faults.of_mail)
