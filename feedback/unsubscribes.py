"""Opting out by the link of a message, and changing one's mind on the same page."""

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.utils import translation

from audiences import consents
from audiences.models import ConsentEvent, Profile
from deliveries.models import Message

SOURCE, SOURCE_MAIL = "unsubscribe_link", "unsubscribe_mail"
EMAIL = ConsentEvent.Channel.EMAIL


def opt_out(*, delivery_id: int, seq: int, at: datetime, source: str = SOURCE) -> bool:
    """Whoever the message was written to gets no more email; False if it was so already or they are gone."""
    return _change(consents.opt_out, delivery_id=delivery_id, seq=seq, at=at, source=source)


def opt_in_again(*, delivery_id: int, seq: int, at: datetime) -> bool:
    """The opt-out by this very message is taken back; False if it was not this one that holds."""
    if not may_opt_in_again(delivery_id=delivery_id, seq=seq):
        return False
    return _change(consents.opt_in, delivery_id=delivery_id, seq=seq, at=at)


def may_opt_in_again(*, delivery_id: int, seq: int) -> bool:
    """Only the latest wish, and only if it came by a link of the same delivery: a link undoes no other."""
    profile_id = profile_of(delivery_id=delivery_id, seq=seq)
    if profile_id is None:
        return False
    latest = ConsentEvent.objects.filter(profile_id=profile_id, channel=EMAIL).order_by("-id").first()
    return latest is not None and latest.opted_out and latest.reference == reference(delivery_id)


def reference(delivery_id: int) -> str:
    return f"delivery {delivery_id}"


def profile_of(*, delivery_id: int, seq: int) -> int | None:
    return (
        Message.objects.filter(delivery_id=delivery_id, seq=seq).values_list("profile_id", flat=True).first()
    )


def language_of(profile: Profile | None) -> str:
    """The language of the page: the profile's, else the browser's."""
    wanted = (profile.language if profile else "").lower().replace("_", "-")
    known = [code for code, _name in settings.LANGUAGES]
    for code in (wanted, wanted.partition("-")[0]):
        for language in known:
            if code and (language == code or language.partition("-")[0] == code):
                return language
    return translation.get_language() or settings.LANGUAGE_CODE


def masked(address: str) -> str:
    """An address that its owner knows again, and a stranger with a forwarded message does not learn."""
    local, at, domain = address.rpartition("@")
    return f"{local[:1]}•••{at}{domain}" if at else ""


def _change(
    verb: Callable[..., bool], *, delivery_id: int, seq: int, at: datetime, source: str = SOURCE
) -> bool:
    profile_id = profile_of(delivery_id=delivery_id, seq=seq)
    if profile_id is not None:
        with suppress(Profile.DoesNotExist):
            return verb(
                profile_id=profile_id, channel=EMAIL, at=at, source=source, reference=reference(delivery_id)
            )
    return False
