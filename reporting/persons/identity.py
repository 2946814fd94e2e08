"""Whom a question about one person means: a profile, and the addresses that are theirs."""

from dataclasses import dataclass, replace
from functools import cached_property

from audiences import addresses
from audiences.models import Profile
from deliveries.ledger import addressees
from deliveries.models import Message


@dataclass(frozen=True)
class Person:
    """A profile by its id, and the keys of the addresses by which rows without a profile are known to be theirs.

    `gone` are messages to them that are gone by a retention period, as far as these were looked for.
    """

    profile_id: int
    keys: frozenset[str]
    gone: tuple[tuple[int, int], ...] = ()  # delivery, number

    @cached_property
    def spellings(self) -> frozenset[str]:
        """Their addresses in small letters: with an international domain in its own letters too, as people write it."""
        return self.keys | {addresses.written(key) for key in self.keys}


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


def whole(profile: Profile) -> Person:
    """Return the same with the messages that are gone, which takes longer: what hangs on these is theirs too."""
    return replace(of(profile), gone=tuple(addressees.messages_to(profile.pk)))
