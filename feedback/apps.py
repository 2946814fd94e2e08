from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FeedbackConfig(AppConfig):
    name = "feedback"
    verbose_name = _("Feedback")

    def ready(self) -> None:
        """The doctor looks at what comes back by mail too."""
        from deliveries.overview import diagnosis
        from feedback.intake import faults

        diagnosis.also(faults.of_mail)
