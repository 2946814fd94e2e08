"""What workers do for this app."""

from django.utils import timezone

from accounts import audit, braking, letters


def mail_letters(**_: object) -> None:
    with audit.entered("job"):
        letters.mail(timezone.now())


def forget_old_brakes(**_: object) -> None:
    braking.forget()
