from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class FeedbackConfig(AppConfig):
    name = "feedback"
    verbose_name = _("Feedback")

    def ready(self) -> None:
        """The settings are checked, and the doctor looks at what comes back too."""
        from deliveries.overview import diagnosis
        from feedback.hits import faults
        from feedback.intake import faults as faults_of_mail

        diagnosis.also(faults.of_hits)
        diagnosis.also(faults.of_partitions)
        diagnosis.also(faults_of_mail.of_mail)
