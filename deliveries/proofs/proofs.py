"""Proofs: the content as it stands, to test addresses, apart from every figure and history.

A proof is never a way round *Start deliveries*: it goes to test profiles alone, at addresses that the unit's list
allows, and so many in a day. All proofs of a delivery together, whatever is changed in between, reach at most a
hundred addresses; copies share them. Opt-outs and quarantine hold.
"""

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import Q
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import gettext_noop as n_

from accounts import access, audit
from accounts.models import User
from accounts.rights import Right
from audiences import addresses, sight
from audiences.fields import fields as profile_fields
from audiences.models import Profile, TestProfile
from campaign.lib.refusals import Refusal
from deliveries import queues
from deliveries.channels import choice
from deliveries.channels.base import Capabilities, Envelope, Outcome, Relay, Result
from deliveries.channels.dkim import Signer, UnusableKey
from deliveries.content.render import Renderer
from deliveries.lifecycle import attachments, log
from deliveries.models import Delivery, Proof, ProofMessage
from deliveries.proofs import rules, showing
from deliveries.rendering import compile_proof, renderer
from deliveries.routing import routes, signing
from deliveries.sending import fence, gate, throttle

PREFIX = n_("[Proof %(number)s]")
# A newsletter that is copied each month may have new readers of its proofs.
RELATIVES_COUNT_FOR = timedelta(days=30)


class NothingToProve(Refusal):
    message = _("The delivery has no content yet.")
    code = "no_content"


class NoTestProfiles(Refusal):
    message = _("Choose at least one test profile.")
    code = "no_test_profiles"


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


@transaction.atomic
def send(
    *,
    delivery: Delivery,
    by: User,
    at: datetime,
    test_profiles: Sequence[TestProfile],
    profile: Profile | None = None,
    prefix: str | None = None,
) -> Proof:
    """Send a proof of the current content to the test profiles.

    With a `profile` each copy is filled with that person's values, else with the test profile's own. An empty
    `prefix` leaves the subject as it is; None puts "[Proof n]" before it.

    Raise access.NotAllowed, NothingToProve without content, ProfileElsewhere for a profile that `by` may not see, and
    what `gate.require_open`, `rules.check` and `rules.take` raise.
    """
    delivery = Delivery.objects.locked(delivery.pk)
    access.require(by, Right.PREPARE, delivery)
    content = delivery.content
    if content is None:
        raise NothingToProve()
    gate.require_open(delivery)
    _check_addresses(delivery, by, test_profiles, at=at)
    if profile is not None and not sight.people(by).filter(pk=profile.pk).exists():
        raise ProfileElsewhere()
    emails = [test.email for test in test_profiles]
    rules.check(emails, unit=delivery.unit, by=by)
    rules.take(copies=len(emails), unit=delivery.unit, by=by, at=at)
    number = delivery.proofs.count() + 1
    proof = Proof.objects.create(
        delivery=delivery,
        content=content,
        number=number,
        prefix=_t(PREFIX) % {"number": number} if prefix is None else prefix[:100],
        by=by,
        at=at,
    )
    lent = _values_of(profile) if profile is not None else None
    ProofMessage.objects.bulk_create(
        ProofMessage(proof=proof, address=test.email, values=test.values if lent is None else lent)
        for test in test_profiles
    )
    audit.record(
        "send_proof", by=by, target=delivery, number=number, copies=len(emails), unit=delivery.unit.label,
        to=[rules.masked(email) for email in emails], content=content.number,
    )  # fmt: skip
    log.write(
        delivery, at, n_("Proof %(number)s sent by %(by)s to %(copies)s test profiles"), preparation=None,
        number=number, by=str(by), copies=len(test_profiles),
    )  # fmt: skip
    queues.PROOF.enqueue(proof_id=proof.pk)
    return proof


def _check_addresses(
    delivery: Delivery, by: User, test_profiles: Sequence[TestProfile], *, at: datetime
) -> None:
    if not test_profiles:
        raise NoTestProfiles()
    readable = set(access.visible(by, TestProfile.objects.all()).values_list("pk", flat=True))
    if any(test.pk not in readable for test in test_profiles):
        raise TestProfileElsewhere()
    limit = settings.SINETE["proof_recipients"]
    relatives = Q(proof__delivery__in=_family(delivery), proof__at__gt=at - RELATIVES_COUNT_FOR)
    used = ProofMessage.objects.filter(Q(proof__delivery=delivery) | relatives)
    known = set(used.values_list("address", flat=True))
    if len(known | {test.email for test in test_profiles}) > limit:
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


def _values_of(profile: Profile) -> dict[str, object]:
    values = {field.name: field.value_of(profile) for field in profile_fields()}
    return {
        name: value.isoformat() if hasattr(value, "isoformat") else value for name, value in values.items()
    }


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
        ProofMessage.objects.filter(pk=outcome.seq).update(status=status, reply=outcome.text[:300])
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
