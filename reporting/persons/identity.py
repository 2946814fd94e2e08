"""Whom a question about one person means: a profile, and the addresses that are theirs."""

from dataclasses import dataclass

from audiences.models import Profile
from deliveries.models import Message


@dataclass(frozen=True)
class Person:
    """A profile by its id, and the keys of the addresses by which rows without a profile are known to be theirs."""

    profile_id: int
    keys: frozenset[str]


def of(profile: Profile) -> Person:
    """Return the person of a profile: with the address of today, and earlier ones that messages went to.

    An earlier address that another profile has by now is that person's, and is left out.
    """
    written_to = Message.objects.filter(profile_id=profile.pk).exclude(address_key="")
    earlier = set(written_to.values_list("address_key", flat=True).distinct()) - {profile.email_key}
    if earlier:
        others = Profile.objects.filter(email_key__in=earlier).exclude(pk=profile.pk)
        earlier -= set(others.values_list("email_key", flat=True))
    return Person(profile.pk, frozenset(earlier | ({profile.email_key} - {""})))
