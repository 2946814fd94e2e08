"""What this app knows of a person goes: profile, wishes, addresses, sign-ups. What they said stays, by a number."""

from collections.abc import Collection, Iterable, Mapping, Sequence

from django.db import connection, transaction
from django.db.models import Q

from audiences.consent import doubts, sign_ups
from audiences.models import (
    AddressError,
    AddressOptOut,
    AudienceMember,
    ConsentDoubt,
    ErasedProfile,
    Erasure,
    Profile,
    Quarantine,
    SignUp,
    Subscription,
    Suppression,
)
from audiences.quarantine import erased_addresses
from audiences.quarantine.suppressions import plain_hashes
from audiences.rules import sizes
from campaign.lib import clock


def wait_for_others(keys: Iterable[str]) -> None:
    """No import is being written and nobody signs up with these addresses until this transaction ends.

    Raise OperationalError where that takes longer than the transaction's `lock_timeout`.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [doubts.LOCK])
    for key in sorted(keys):
        sign_ups.wait_for_others(key)


@transaction.atomic
def forget(
    erasure: Erasure,
    *,
    profile_ids: Collection[int],
    keys: Collection[str],
    messages_gone: Mapping[int, Sequence[tuple[int, int]]] | None = None,
) -> dict[str, int]:
    """These profiles are gone, and the addresses are known by their keyed hashes alone; how many rows went, by place.

    Nothing leaves any more to whom the profiles were. `messages_gone` are messages to them, as delivery and number,
    that no table has any more. The caller has waited for others, and checked the right.
    """
    erased_addresses.remember(keys, at=erasure.at)
    gone_to = messages_gone or {}
    ErasedProfile.objects.bulk_create(
        [
            ErasedProfile(profile_id=pk, erasure=erasure, messages_gone=list(gone_to.get(pk, ())) or None)
            for pk in profile_ids
        ],
        ignore_conflicts=True,
    )
    gone = {"consents": _empty_consents(erasure, profile_ids, keys)}
    gone["sign_ups"] = _deleted(SignUp, Q(profile__in=profile_ids) | Q(address_key__in=keys))
    gone["unclear_consents"] = _deleted(ConsentDoubt, Q(profile__in=profile_ids))
    gone["subscriptions"] = _deleted(Subscription, Q(profile__in=profile_ids))
    lists = set(AudienceMember.objects.filter(profile__in=profile_ids).values_list("audience_id", flat=True))
    gone["memberships"] = _deleted(AudienceMember, Q(profile__in=profile_ids))
    for audience_id in lists:
        sizes.forget(audience_id)
    gone |= forget_addresses(keys)
    gone["profile"] = _deleted(Profile, Q(pk__in=profile_ids))
    return gone


def forget_addresses(keys: Collection[str]) -> dict[str, int]:
    """Nothing is known against these addresses any more, nor of their wishes; how many rows went, by place."""
    return {
        "address_opt_outs": _deleted(AddressOptOut, Q(address_key__in=keys)),
        "quarantine": _deleted(Quarantine, Q(address_key__in=keys)),
        "address_errors": _deleted(AddressError, Q(address_key__in=keys)),
        "suppressions": _deleted(Suppression, Q(value__in=plain_hashes(keys))),
    }


def of_nobody_else(keys: Collection[str]) -> set[str]:
    """Of these addresses, those that no profile has now."""
    return set(keys) - set(Profile.objects.filter(email_key__in=keys).values_list("email_key", flat=True))


def forget_late(erasure: Erasure, keys: Collection[str]) -> None:
    """What came to be known of earlier addresses, which nobody has now, is forgotten too."""
    own = of_nobody_else(keys)
    erased_addresses.remember(own, at=erasure.at)
    forget_addresses(own)
    _empty_consents(erasure, [], own)


@transaction.atomic
def note(erasure_id: int, *, gone: dict[str, int], waits: dict[str, int]) -> Erasure:
    """Write down what went, beside what had gone before, and what waits now; without that it is finished."""
    erasure = Erasure.objects.select_for_update(of=("self",)).get(pk=erasure_id)
    for place, number in gone.items():
        if number:
            erasure.gone[place] = erasure.gone.get(place, 0) + number
    erasure.waits = {why: number for why, number in waits.items() if number}
    erasure.finished_at = None if erasure.waits else erasure.finished_at or clock.now()
    erasure.save(update_fields=["gone", "waits", "finished_at"])
    return erasure


def _empty_consents(erasure: Erasure, profile_ids: Collection[int], keys: Collection[str]) -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT audiences_empty_consents(%s::bigint[], %s::text[], %s)",
            [list(profile_ids), sorted(keys), erasure.pk],
        )
        return int(cursor.fetchone()[0])


def _deleted(model: type, which: Q) -> int:
    return model._default_manager.filter(which).delete()[0]  # type: ignore[attr-defined]  # any model
