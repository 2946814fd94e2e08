"""Files that were refused, or only looked through, are kept for some days, and what was kept of them as long."""

from datetime import timedelta

from django.db import transaction

from audiences.imports.staging import tables
from audiences.models import Import, ImportLines, ImportPart
from campaign.lib import clock

KEPT = timedelta(days=7)


def expire() -> None:
    """Files that were kept long enough are gone, and what dry runs kept of them; twice does no harm."""
    with transaction.atomic():
        old = Import.objects.filter(finished_at__lt=clock.now() - KEPT)
        ImportPart.objects.filter(importing__in=old).delete()
        ImportLines.objects.filter(importing__in=old).delete()
        old.exclude(samples=[]).update(samples=[])
    tables.drop_leftovers()
