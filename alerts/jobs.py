"""What workers and the clock run: one call each. Each may run twice."""

from accounts import audit
from alerts import forgetting, letters, watching
from alerts.webhooks import calling
from campaign.lib import clock


def look(**_: object) -> None:
    """What moves is looked at."""
    with audit.entered("job"):
        watching.look()


def look_back(**_: object) -> None:
    """Hourly, once opens and clicks were counted: what ended within a week is looked at, too."""
    with audit.entered("job"):
        watching.look(is_wide=True)


def mail(**_: object) -> None:
    with audit.entered("job"):
        letters.mail(clock.now())


def call_webhooks(**_: object) -> None:
    with audit.entered("job"):
        calling.call_due()


def forget_old(**_: object) -> None:
    """Daily: alerts that are over, and what webhooks were told, when that is long ago."""
    with audit.entered("job"):
        forgetting.forget_old(clock.now())
