"""What waits for a person: to approve, to confirm, and what came back rejected. Flat in the number of rows."""

from dataclasses import dataclass

from django.db.models import CharField, Exists, ExpressionWrapper, F, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce

from accounts import access
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from deliveries.lifecycle import Step
from deliveries.models import Content, Delivery, Preparation, Status, StatusChange


@dataclass(frozen=True)
class Waiting:
    """Three lists for one person, oldest first."""

    to_approve: QuerySet[Delivery]
    to_confirm: QuerySet[Delivery]
    rejected: QuerySet[Delivery]


def lists(user: User) -> Waiting:
    """Return what this person could decide on now."""
    return Waiting(to_approve=to_approve(user), to_confirm=to_confirm(user), rejected=rejected(user))


def count(user: User) -> int:
    """How many deliveries wait for this person: the number beside *Waiting for me*."""
    return sum(rows.count() for rows in (to_approve(user), to_confirm(user), rejected(user)))


def to_approve(user: User) -> QuerySet[Delivery]:
    """Deliveries that this person may approve; where four-eyes hold, without those that they made themselves."""
    place = ExpressionWrapper(OuterRef("unit__path"), output_field=CharField())
    strict = OrganizationalUnit.objects.alias(where=place).filter(
        approval_policy=ApprovalPolicy.FOUR_EYES, where__startswith=F("path")
    )
    four_eyes = (
        Q(approval_policy=ApprovalPolicy.FOUR_EYES)
        | Q(brought_policy=ApprovalPolicy.FOUR_EYES)
        | Exists(strict)
    )
    wrote = Content.objects.filter(
        delivery=OuterRef("pk"), author=user, number__lte=OuterRef("preparation__content__number")
    )
    runs = Preparation.objects.filter(delivery=OuterRef("pk"), started_by=user)
    counted = Coalesce(OuterRef("preparation__kept_from"), OuterRef("preparation"))
    prepared = Exists(runs.filter(Q(pk=counted) | Q(kept_from=counted)))
    made = prepared | Q(inherited_authors__contains=[user.pk]) | Exists(wrote)
    rows = access.within(user, Right.APPROVE, Delivery.objects.filter(status=Status.AWAITING_APPROVAL))
    return _listed(rows.exclude(four_eyes & made))


def to_confirm(user: User) -> QuerySet[Delivery]:
    """Deliveries that are Ready and that this person may start."""
    return _listed(access.within(user, Right.START, Delivery.objects.filter(status=Status.READY)))


def rejected(user: User) -> QuerySet[Delivery]:
    """Deliveries in Editing because somebody rejected what this person created or prepared."""
    last_step = StatusChange.objects.filter(delivery=OuterRef("pk")).order_by("-id").values("step")[:1]
    comment = StatusChange.objects.filter(delivery=OuterRef("pk")).order_by("-id").values("comment")[:1]
    mine = Q(created_by=user) | Q(preparation__started_by=user)
    rows = access.within(user, Right.PREPARE, Delivery.objects.filter(mine, status=Status.DRAFT))
    return _listed(rows.annotate(last_step=Subquery(last_step)).filter(last_step=Step.REJECT.code)).annotate(
        rejection=Subquery(comment)
    )


def _listed(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    heavy = ("preparation__compiled", "preparation__manifest", "preparation__findings")
    return (
        rows.select_related("unit", "audience", "preparation", "preparation__started_by", "created_by")
        .defer(*heavy)
        .order_by("changed_at", "pk")
    )
