"""A first delivery in five steps, for whoever prepares deliveries: each ticks itself off by what there is."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import access, remembering
from accounts.models import User
from accounts.rights import Right
from audiences.models import Audience
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Preparation, ProofMessage

NAME = "first-delivery"  # what is remembered of it
SHOWN_ON = timedelta(days=2)  # so long after the first start it says that all is done


@dataclass(frozen=True)
class Step:
    """One step: what to do, where, and whether it is done."""

    code: str
    title: str | Promise
    text: str | Promise
    to: str  # an address
    is_done: bool

    def as_dict(self) -> dict[str, Any]:
        """For programs."""
        return {"step": self.code, "title": str(self.title), "done": self.is_done}


@dataclass(frozen=True)
class Guide:
    """The five steps, as they stand for one person."""

    steps: list[Step]

    @property
    def next(self) -> Step | None:
        return next((step for step in self.steps if not step.is_done), None)

    @property
    def done(self) -> int:
        return sum(step.is_done for step in self.steps)


def of(user: User, *, at: datetime) -> Guide | None:
    """The guide as it stands; None for those who prepare nothing, who put it aside, or whose first has long begun."""
    if is_dismissed(user) or Right.PREPARE not in access.on_any_unit(user):
        return None
    mine = Delivery.objects.filter(created_by=user)
    if mine.filter(status__in=groups.BEGUN, started_at__lt=at - SHOWN_ON).exists():
        return None
    return Guide(_steps(user, mine))


def _steps(user: User, mine: QuerySet[Delivery]) -> list[Step]:
    written = mine.filter(Q(content__html__gt="") | Q(content__text__gt=""))
    latest = mine.filter(status__in=groups.UNCONFIRMED).order_by("-pk").values_list("pk", flat=True).first()
    begin = reverse("deliveries:create")
    dashboard, content, proof = (
        reverse(f"deliveries:{page}", args=[latest]) if latest else begin
        for page in ("dashboard", "content", "proof")
    )
    return [
        Step(
            "audience", _("An audience: whom to write to"),
            _("Bring in a file of customers, then say by a rule whom you mean; or use an audience that is there."),
            reverse("audiences:list"), access.visible(user, Audience.objects.all()).exists(),
        ),
        Step(
            "content", _("A delivery with a content"),
            _("Make a delivery, begin its content with a template, and write."), content, written.exists(),
        ),
        Step(
            "prepared", _("Prepared: counted, checked, sealed"),
            _("“Prepare” counts the people, leaves out those who may not be written to, and says what is wrong."),
            dashboard, Preparation.objects.filter(delivery__created_by=user, seal__gt="").exists(),
        ),
        Step(
            "proof", _("A proof in your own inbox"),
            _("“Send a proof to me”: look at it as your readers will."), proof,
            ProofMessage.objects.filter(proof__by=user, status=ProofMessage.Status.SENT).exists(),
        ),
        Step(
            "confirmed", _("Approved and confirmed"),
            _("A colleague approves, and whoever may start deliveries confirms: then it leaves."),
            dashboard, mine.filter(status__in=groups.FIXED | groups.ACTIVATED).exists(),
        ),
    ]  # fmt: skip


def is_dismissed(user: User) -> bool:
    """Whether the person put it aside."""
    return remembering.recall(user, NAME).get("is") == "dismissed"


def dismiss(*, by: User) -> None:
    """It is not shown to the person any more, until they ask for it."""
    remembering.remember(user=by, name=NAME, values={"is": "dismissed"})


def show(*, by: User) -> None:
    """It is shown to the person again."""
    remembering.remember(user=by, name=NAME, values={})
