"""How many deliveries must be approved anew if another rule of approval holds in their units."""

from collections import Counter
from collections.abc import Mapping

from django.db.models import Count

from accounts.models import Affected, ApprovalPolicy
from deliveries.lifecycle import groups, seal
from deliveries.models import Delivery


def count(policies: Mapping[int, ApprovalPolicy]) -> Affected:
    """Count the deliveries that must be approved anew under these rules of units; what is confirmed stays confirmed."""
    rows = (
        Delivery.objects.filter(
            unit__in=policies, status__in=groups.UNDECIDED | groups.ACTIVATED | groups.RELEASED
        )
        .order_by()
        .values_list("unit", "status", "approval_policy", "brought_policy", seal.POLICY)
        .annotate(number=Count("pk"))
    )
    found: Counter[str] = Counter()
    for unit, status, own, brought, sealed, number in rows:
        differs = ApprovalPolicy.tightest([policies[unit], own, brought]) != sealed
        if status in groups.RELEASED:
            found["stays"] += number
        elif differs:
            found["series" if status in groups.ACTIVATED else "anew"] += number
    return Affected(**found)
