"""What waits for a person: to approve, to confirm, to prepare anew, and what came back. Flat in the number of rows."""

from dataclasses import dataclass

from django.db.models import (
    Case,
    CharField,
    Exists,
    ExpressionWrapper,
    F,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
    When,
)
from django.db.models.functions import Coalesce
from django.db.models.lookups import Exact

from accounts import access
from accounts.models import ApprovalPolicy, OrganizationalUnit, User
from accounts.rights import Right
from deliveries.lifecycle import Step, groups, seal
from deliveries.models import Content, Delivery, Preparation, Status, StatusChange


@dataclass(frozen=True)
class Waiting:
    """Four lists for one person, oldest first; no delivery stands in two of them."""

    to_approve: QuerySet[Delivery]
    to_confirm: QuerySet[Delivery]
    to_prepare_anew: QuerySet[Delivery]
    rejected: QuerySet[Delivery]


def lists(user: User) -> Waiting:
    """What this person could do something about now."""
    return Waiting(**{name: rows(user) for name, rows in _LISTS.items()})


# How many deliveries stand in each list of a person.
numbers = access.counters(
    lambda user: {name: rows.order_by().values("pk") for name, rows in vars(lists(user)).items()}
)


def count(user: User) -> int:
    """How many deliveries wait for this person: the number beside *Waiting for me*."""
    return sum(numbers(user).values())


def shown(user: User) -> Waiting:
    """The lists for a page: those in which nothing stands are not asked for once more."""
    there = numbers(user)
    return Waiting(
        **{name: rows(user) if there.get(name) else Delivery.objects.none() for name, rows in _LISTS.items()}
    )


def to_approve(user: User) -> QuerySet[Delivery]:
    """Waiting for approval where this person may give it, sealed under the rule of approval that still holds.

    Four-eyes leaves out what they made themselves.
    """
    wrote = Content.objects.filter(
        delivery=OuterRef("pk"), author=user, number__lte=OuterRef("preparation__content__number")
    )
    runs = Preparation.objects.filter(delivery=OuterRef("pk"), started_by=user)
    counted = Coalesce(OuterRef("preparation__kept_from"), OuterRef("preparation"))
    prepared = Exists(runs.filter(Q(pk=counted) | Q(kept_from=counted)))
    made = prepared | Q(inherited_authors__contains=[user.pk]) | Exists(wrote)
    rows = access.within(user, Right.APPROVE, Delivery.objects.filter(status=Status.AWAITING_APPROVAL))
    return _listed(rows.filter(_rule_still_holds()).exclude(_asks_for(ApprovalPolicy.FOUR_EYES) & made))


def to_confirm(user: User) -> QuerySet[Delivery]:
    """Ready where this person may start it, sealed under the rule of approval that still holds."""
    rows = access.within(user, Right.START, Delivery.objects.filter(status=Status.READY))
    return _listed(rows.filter(_rule_still_holds()))


def to_prepare_anew(user: User) -> QuerySet[Delivery]:
    """What this person made and nobody can decide on any more: another rule of approval holds by now."""
    return _outdated(_mine(user))


def _outdated(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    return _listed(rows.filter(status__in=groups.UNDECIDED).exclude(_rule_still_holds()))


def _rule_still_holds() -> Q:
    """The rule of approval that the preparation was sealed under is the one that holds now."""
    tighter_first = sorted(ApprovalPolicy, key=lambda policy: -policy.tightness)
    now = Case(
        *(When(_asks_for(policy), then=Value(policy.value)) for policy in tighter_first),
        default=Value(ApprovalPolicy.NONE.value),
        output_field=CharField(),
    )
    then = Coalesce(seal.POLICY, Value(""), output_field=CharField())
    return Q(Exact(then, now))


def _asks_for(policy: ApprovalPolicy) -> Q:
    """The delivery, a unit that it came from, its unit, or one above that has this policy."""
    place = ExpressionWrapper(OuterRef("unit__path"), output_field=CharField())
    lineage = OrganizationalUnit.objects.alias(where=place).filter(where__startswith=F("path"))
    asks = Q(Exists(lineage.filter(approval_policy=policy)))
    return Q(approval_policy=policy) | Q(brought_policy=policy) | asks


def rejected(user: User) -> QuerySet[Delivery]:
    """Back in Editing because somebody rejected what this person made."""
    return _rejected(_mine(user))


def _rejected(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    last_step = StatusChange.objects.filter(delivery=OuterRef("pk")).order_by("-id").values("step")[:1]
    comment = StatusChange.objects.filter(delivery=OuterRef("pk")).order_by("-id").values("comment")[:1]
    drafts = rows.filter(status=Status.DRAFT).annotate(last_step=Subquery(last_step))
    return _listed(drafts.filter(last_step=Step.REJECT.code)).annotate(rejection=Subquery(comment))


def _mine(user: User) -> QuerySet[Delivery]:
    """What this person created or prepared, and the runs of such a series, where they may prepare it."""
    made = Q(created_by=user) | Q(preparation__started_by=user)
    # A run is made by nobody; who made the series sees to it.
    of_series = Q(execution_of__created_by=user) | Q(execution_of__preparation__started_by=user)
    return access.within(user, Right.PREPARE, Delivery.objects.filter(made | of_series))


def _listed(rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
    heavy = ("preparation__compiled", "preparation__manifest", "preparation__findings")
    return (
        rows.select_related("unit", "audience", "preparation", "preparation__started_by", "created_by")
        .defer(*heavy)
        .order_by("changed_at", "pk")
    )


_LISTS = {
    "to_approve": to_approve,
    "to_confirm": to_confirm,
    "to_prepare_anew": to_prepare_anew,
    "rejected": rejected,
}
