"""Coming back after one has left, or being measured: by a mail to the address, whoever may hold a message's link."""

from collections.abc import Collection

from django.db import transaction
from django.http import HttpRequest

from accounts.people import signing_in
from audiences.consent import sign_ups
from audiences.models import Profile, Service
from campaign.lib import clock
from feedback import queues, unsubscribes


@transaction.atomic
def ask(
    request: HttpRequest,
    *,
    profile: Profile,
    service: Service | None,
    address: str,
    tracking: Collection[str] = (),
) -> None:
    """A mail to the address asks whether its reader wants that: the service, or without one all mail again.

    Or that these purposes are measured, where any are named.
    """
    sign_ups.ask_again(
        profile=profile,
        service=service,
        address=address,
        language=unsubscribes.language_of(profile),
        network=signing_in.network(request),
        at=clock.now(),
        tracking=tracking,
    )
    queues.SIGN_UPS.enqueue(job_id="sign-ups")
