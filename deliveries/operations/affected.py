"""What it means for deliveries if another rule of approval holds in their units: how many are approved anew."""

from collections import Counter
from collections.abc import Mapping

from django.db.models import Count
from django.db.models.fields.json import KeyTextTransform, KeyTransform

from accounts.models import Affected, ApprovalPolicy
from deliveries.models import Delivery, Status

# Prepared, and not confirmed yet.
OPEN = [Status.AWAITING_APPROVAL, Status.READY]
SEALED = KeyTextTransform("policy", KeyTransform("parts", "preparation__manifest"))
SERIES = [Status.ACTIVE, Status.SUSPENDED]


def count(policies: Mapping[int, ApprovalPolicy]) -> Affected:
    """By these policies of units: what was sealed under another one is approved anew, what is confirmed stays."""
    rows = (
        Delivery.objects.filter(
            unit__in=policies, status__in=[*OPEN, *SERIES, *(one for one in Status if one.is_released)]
        )
        .order_by()
        .values_list("unit", "status", "approval_policy", "brought_policy", SEALED)
        .annotate(number=Count("pk"))
    )
    found: Counter[str] = Counter()
    for unit, status, own, brought, sealed, number in rows:
        differs = ApprovalPolicy.tightest([policies[unit], own, brought]) != sealed
        if Status(status).is_released:
            found["stays"] += number
        elif differs:
            found["series" if status in SERIES else "anew"] += number
    return Affected(**found)
