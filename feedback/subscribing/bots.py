"""Whether a person sent a form: a field that no person fills, a time that no person beats, a limit for a network.

Nobody else is asked, and nothing is stored at the reader's.
"""

from dataclasses import dataclass

from allauth.core import ratelimit
from django.core import signing
from django.http import HttpRequest

from accounts.people import signing_in
from campaign.lib import numbers

BAIT = "website"  # hidden from people; programs fill what there is
SECONDS_AT_LEAST = 2
SECONDS_AT_MOST = 24 * 3600
_SALT = "sinete.sign-up"


@dataclass(frozen=True)
class Shown:
    """What a form was sent with: how long ago it was shown, of which service and in which words."""

    seconds: float
    text_id: int

    @property
    def is_too_soon(self) -> bool:
        return self.seconds < SECONDS_AT_LEAST


def stamp(*, service: str, text_id: int) -> str:
    """What a form carries along, so that it is known when it was shown, of which service and in which words."""
    return signing.TimestampSigner(salt=_SALT).sign(f"{service}.{text_id}")


def shown(stamped: str, *, service: str) -> Shown | None:
    """What the stamp of this service says; None where it is not ours, or older than a day."""
    signer = signing.TimestampSigner(salt=_SALT)
    try:
        said, _dot, text = signer.unsign(stamped[:200], max_age=SECONDS_AT_MOST).rpartition(".")
        at = signing.b62_decode(stamped[:200].rsplit(":", 2)[1])
    except (signing.BadSignature, ValueError, IndexError):
        return None
    key = numbers.key(text)
    if said != service or key is None:
        return None
    return Shown(seconds=_now() - at, text_id=key)


def _now() -> float:
    """Seconds, by the clock that signs."""
    return float(signing.b62_decode(signing.TimestampSigner().timestamp()))


def is_within_limits(request: HttpRequest) -> bool:
    """Count the form for the network that it comes from; False after too many."""
    return bool(ratelimit.consume(request, action="sign_up", key=signing_in.network(request)))
