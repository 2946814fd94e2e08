"""Proofs: the content as it stands, to test addresses, apart from every figure and history.

A proof is never a way round *Start deliveries*: it goes to test profiles alone, at addresses that the unit's list
allows, and so many in a day. All proofs of a delivery together, whatever is changed in between, reach at most a
hundred addresses; copies share them. Opt-outs and quarantine hold.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.people import people
from accounts.rights import Right
from audiences import addresses, sight
from audiences.fields.fields import fields as profile_fields
from audiences.models import Profile, TestProfile
from campaign.lib.refusals import Refusal
from deliveries import queues
from deliveries.channels import choice
from deliveries.channels.base import Capabilities, Envelope, Outcome, Relay, Result
from deliveries.channels.dkim import Signer, UnusableKey
from deliveries.content.message.render import Renderer
from deliveries.lifecycle import attachments, log
from deliveries.models import Delivery, Proof, ProofMessage
from deliveries.proofs import rules, showing
from deliveries.rendering import compile_proof, renderer
from deliveries.routing import routes, signing
from deliveries.sending import fence, gate, throttle

PREFIX = n_("[Proof %(number)s]")
TO_TEST_PROFILES = n_("Proof %(number)s sent by %(by)s to %(copies)s test profiles")
TO_ME = n_("Proof %(number)s sent by %(by)s to their own address; test profiles beside it: %(copies)s")
NO_ANSWER = n_("No answer came.")
# A newsletter that is copied each month may have new readers of its proofs.
RELATIVES_COUNT_FOR = timedelta(days=30)


class NothingToProve(Refusal):
    message = _("The delivery has no content yet.")
    code = "no_content"


class NoTestProfiles(Refusal):
    message = _("Choose at least one test profile, or send it to yourself.")
    code = "no_test_profiles"


class NoVerifiedAddress(Refusal):
    message = _(
        "You have no verified address yet: confirm the one of your account, then a proof can go there."
    )
    code = "no_verified_address"


class TooManyProofs(Refusal):
    message = _(
        "The proofs of a delivery and its copies go to at most %(limit)s addresses; %(already)s were used."
    )
    code = "too_many_proofs"


class ContentHasErrors(Refusal):
    message = _("The content has errors: %(problems)s")
    code = "content_errors"


class ProfileElsewhere(Refusal):
    message = _("The profile whose values you chose belongs to a unit that you can't read.")
    code = "profile_elsewhere"


class TestProfileElsewhere(Refusal):
    message = _("A test profile belongs to a unit that you can't read.")
    code = "test_profile_elsewhere"


@dataclass(frozen=True)
class Copy:
    """Whom a copy goes to, and what fills it."""

    address: str
    values: Mapping[str, Any]


@transaction.atomic
def send(
    *,
    delivery: Delivery,
    by: User,
    at: datetime,
    test_profiles: Sequence[TestProfile],
    profile: Profile | None = None,
    prefix: str | None = None,
    to_me: bool = False,
    sample: TestProfile | None = None,
) -> Proof:
    """Send a proof of the current content to the test profiles, and with `to_me` to the person's own verified address.

    With a `profile` each copy is filled with that person's values, else with the test profile's own; that to oneself
    with those of `sample`, or of the first test profile that there is. An empty `prefix` leaves the subject as it is;
    None puts "[Proof n]" before it.

    Raise access.NotAllowed, NothingToProve without content, ProfileElsewhere for a profile that `by` may not see,
    NoVerifiedAddress, and what `gate.require_open`, `rules.check` and `rules.take` raise.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    access.require(by, Right.PREPARE, delivery)
    content = delivery.content
    if content is None:
        raise NothingToProve()
    gate.require_open(delivery)
    _check_sources(by, test_profiles, sample=sample)
    lent = None if profile is None else _lent(by, profile)
    copies = _copies(by, test_profiles, to_me=to_me, sample=sample)
    emails = [copy.address for copy in copies]
    _check_number(delivery, emails, at=at)
    rules.check(emails, unit=delivery.unit, by=by)
    rules.take(copies=len(emails), unit=delivery.unit, by=by, at=at)
    number = delivery.proofs.count() + 1
    prefix = _t(PREFIX) % {"number": number} if prefix is None else prefix[:100]
    proof = Proof.objects.create(
        delivery=delivery, content=content, number=number, prefix=prefix, by=by, at=at
    )
    ProofMessage.objects.bulk_create(
        ProofMessage(proof=proof, address=copy.address, values=copy.values if lent is None else lent)
        for copy in copies
    )
    audit.record(
        "send_proof", by=by, target=delivery, number=number, copies=len(emails), unit=delivery.unit.label,
        to=[addresses.masked(email) for email in emails], content=content.number,
    )  # fmt: skip
    log.write(
        delivery, at, TO_ME if to_me else TO_TEST_PROFILES, preparation=None,
        number=number, by=str(by), copies=len(test_profiles),
    )  # fmt: skip
    queues.PROOF.enqueue(proof_id=proof.pk)
    return proof


def _check_sources(by: User, test_profiles: Sequence[TestProfile], *, sample: TestProfile | None) -> None:
    """Raise TestProfileElsewhere for what the person may not see."""
    wanted = {test.pk for test in [*test_profiles, *([sample] if sample else [])]}
    if access.visible(by, TestProfile.objects.filter(pk__in=wanted)).count() < len(wanted):
        raise TestProfileElsewhere()


def _copies(
    by: User, test_profiles: Sequence[TestProfile], *, to_me: bool, sample: TestProfile | None
) -> list[Copy]:
    copies = [Copy(test.email, test.values) for test in test_profiles]
    if to_me:
        own = people.verified_address(by)
        if own is None:
            raise NoVerifiedAddress()
        if addresses.read(own)[1] not in {addresses.read(copy.address)[1] for copy in copies}:
            like = (
                sample
                or next(iter(test_profiles), None)
                or access.visible(by, TestProfile.objects.all()).first()
            )
            copies.append(Copy(own, like.values if like else {}))
    if not copies:
        raise NoTestProfiles()
    return copies


def _check_number(delivery: Delivery, emails: Sequence[str], *, at: datetime) -> None:
    """Raise TooManyProofs where the delivery and its copies would reach too many addresses."""
    limit = settings.SINETE["proof_recipients"]
    relatives = Q(proof__delivery__in=_family(delivery), proof__at__gt=at - RELATIVES_COUNT_FOR)
    used = ProofMessage.objects.filter(Q(proof__delivery=delivery) | relatives)
    known = set(used.values_list("address", flat=True))
    if len(known | set(emails)) > limit:
        raise TooManyProofs(limit=limit, already=len(known))


def _family(delivery: Delivery) -> list[int]:
    """Return all deliveries that are copies of one another, this one included: copies share one limit of addresses."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            WITH RECURSIVE family AS (
                SELECT id, copied_from_id FROM deliveries_delivery WHERE id = %s
                UNION
                SELECT d.id, d.copied_from_id FROM family f JOIN LATERAL (
                    SELECT id, copied_from_id FROM deliveries_delivery WHERE id = f.copied_from_id
                    UNION ALL SELECT id, copied_from_id FROM deliveries_delivery WHERE copied_from_id = f.id
                ) d ON true
            ) SELECT id FROM family
            """,
            [delivery.pk],
        )
        return [pk for (pk,) in cursor.fetchall()]


def _lent(by: User, profile: Profile) -> dict[str, object]:
    """The values of a profile, as far as the person may read them; raise ProfileElsewhere for one they may not see."""
    seen = sight.with_addresses(by).filter(pk=profile.pk).first()
    if seen is None:
        raise ProfileElsewhere()
    values = {
        field.name: sight.value_of(field.name, field.value_of(seen), seen) for field in profile_fields()
    }
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()
    }


def is_over(proof: Proof) -> bool:
    """Whether each copy has its outcome. One that is handed over has none yet, unless it says why it is unknown."""
    under_way = Q(status=ProofMessage.Status.WAITING) | Q(status=ProofMessage.Status.HANDED, reply="")
    return not proof.messages.filter(under_way).exists()


def run(*, proof_id: int) -> None:
    """Send the copies that wait. A copy that was handed over and never answered is not sent again."""
    proof = Proof.objects.select_related("delivery__unit", "delivery__route", "content").get(pk=proof_id)
    try:
        fence.require()
        filler = _renderer(proof)
        route = routes.route_of(proof.delivery)
        sign = signing.signer_of(route)
        limits = throttle.limits_of(proof.delivery)
        copies = _hand_over(proof)
    except (ContentHasErrors, UnusableKey, fence.Fence, gate.SendingHalted) as error:
        proof.messages.filter(status=ProofMessage.Status.WAITING).update(
            status=ProofMessage.Status.FAILED, reply=str(error)[:300]
        )
        return
    if not copies:
        return
    # Proofs leave at once, as a person waits; their tokens are taken from deliveries that share the limits.
    spent = partial(throttle.shared_by, route=route, limits=limits)
    throttle.debit(spent([copy.address for copy in copies]))
    envelopes = [_envelope(filler, proof, copy, sign) for copy in copies]
    outcomes = asyncio.run(_exchange(proof.delivery.channel, routes.relay_of(route), envelopes))
    for outcome in outcomes:
        status = {
            Result.SENT: ProofMessage.Status.SENT,
            Result.NOT_ATTEMPTED: ProofMessage.Status.FAILED,
            Result.IN_DOUBT: ProofMessage.Status.HANDED,
        }.get(outcome.result, ProofMessage.Status.FAILED)
        ProofMessage.objects.filter(pk=outcome.seq).update(
            status=status,
            reply=outcome.text[:300] or (NO_ANSWER if outcome.result == Result.IN_DOUBT else ""),
        )
    stayed = {outcome.seq for outcome in outcomes if outcome.result == Result.NOT_ATTEMPTED}
    throttle.credit(spent([copy.address for copy in copies if copy.pk in stayed]))


@transaction.atomic
def _hand_over(proof: Proof) -> list[ProofMessage]:
    """Take the copies that wait for this worker, behind the lock that a stop waits for; raise SendingHalted.

    Whoever opted out since, or is not allowed any more, gets none.
    """
    delivery = Delivery.objects.locked(proof.delivery_id)
    gate.require_no_halt(delivery)
    waiting = proof.messages.select_for_update(skip_locked=True).filter(status=ProofMessage.Status.WAITING)
    keys = {copy.pk: addresses.read(copy.address)[1] for copy in waiting}
    barred = rules.barred_from(set(keys.values()), unit=delivery.unit, by=proof.by)
    barred |= rules.held(keys.values())
    proof.messages.filter(pk__in=[pk for pk, key in keys.items() if key in barred]).update(
        status=ProofMessage.Status.FAILED, reply=n_("Not allowed any more, opted out, or in quarantine.")
    )
    copies = [copy for copy in waiting if keys[copy.pk] not in barred]
    proof.messages.filter(pk__in=[copy.pk for copy in copies]).update(status=ProofMessage.Status.HANDED)
    return copies


def _renderer(proof: Proof) -> Renderer:
    """Return the renderer of a proof, without tracking: its links lead straight to their addresses."""
    compiled, findings = compile_proof(proof.delivery, proof.content)
    if compiled is None:
        raise ContentHasErrors(problems="; ".join(str(f.message) for f in findings if f.level == "error"))
    return renderer(proof.delivery, compiled, attached=attachments.parts(proof.delivery))


def _envelope(filler: Renderer, proof: Proof, copy: ProofMessage, sign: Signer | None) -> Envelope:
    def fill(capabilities: Capabilities) -> bytes:
        message = filler.message(
            seq=showing.number_of(copy),
            address=copy.address,
            values=copy.values,
            date=datetime.now(UTC),
            encoding="8bit" if capabilities.eight_bit and sign is None else "encoded",
            subject_prefix=proof.prefix,
        )
        return message if sign is None else sign(message)

    return Envelope(copy.pk, filler.compiled.from_address, copy.address, fill)


async def _exchange(channel: str, relay: Relay, envelopes: list[Envelope]) -> list[Outcome]:
    async with choice.pool(channel, relay, connections=1) as pool:
        pool.feed(envelopes)
        outcomes: list[Outcome] = []
        while len(outcomes) < len(envelopes):
            outcomes += await pool.outcomes(at_least=1)
        return outcomes
