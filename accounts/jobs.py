"""What workers do for this app."""

from django.utils import timezone

from accounts import audit
from accounts.kept_forms import rows
from accounts.people import braking, letters
from campaign.lib import clock


def mail_letters(**_: object) -> None:
    with audit.entered("job"):
        letters.mail(timezone.now())


def forget_old_brakes(**_: object) -> None:
    braking.forget()


def forget_kept_forms(**_: object) -> None:
    rows.forget(clock.now())
