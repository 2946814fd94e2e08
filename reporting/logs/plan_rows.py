"""The rows behind the numbers of a sending plan: a moment is a run of consecutive messages."""

from functools import reduce
from operator import or_

from django.db.models import Exists, OuterRef, Q, QuerySet

from audiences.models import Profile
from campaign.lib import spans
from deliveries.models import Delivery, Moment

NO_ZONE = "none"
NOBODY = Q(seq__lt=0)


def of_moments(delivery: Delivery, written: str) -> Q:
    """The rows of the moments whose numbers an address names; of an address that makes no sense, none."""
    wanted = [Q(number__range=span) for span in spans.read(written)]
    return _between(delivery.moments.filter(reduce(or_, wanted))) if wanted else NOBODY


def without_zone(delivery: Delivery) -> Q:
    """The rows of people who have no time zone of their own, by their profiles as they are now."""
    found = NOBODY
    for moment in delivery.moments.filter(without_zone__gt=0):
        own = Profile.objects.filter(pk=OuterRef("profile_id"), time_zone=moment.zone)
        found |= Q(seq__range=(moment.seq_from, moment.seq_to)) & ~Q(Exists(own))
    return found


def _between(moments: QuerySet[Moment]) -> Q:
    """The rows of these moments; those that follow one another make one condition."""
    found: list[tuple[int, int]] = []
    for low, high in moments.order_by("seq_from").values_list("seq_from", "seq_to"):
        if found and found[-1][1] == low - 1:
            found[-1] = (found[-1][0], high)
        else:
            found.append((low, high))
    return reduce(or_, (Q(seq__range=span) for span in found), NOBODY)
