"""What workers do for this app: ids in, one call, nothing else."""

from accounts import audit
from audiences import imports, mail_exchanges, search_texts
from audiences.quarantine import error_counts
from audiences.rules import sizes
from campaign.lib import clock

SECONDS_OF_SEARCH_TEXTS = 60  # then whoever waits in the queue is next


def run_import(*, import_id: int, **_: object) -> None:
    with audit.entered("job"):
        imports.run(import_id=import_id)


def forget_old_errors(**_: object) -> None:
    """Each night: addresses whose soft errors are old enough are valid again."""
    with audit.entered("job"):
        error_counts.tidy(at=clock.now())


def forget_old_imports(**_: object) -> None:
    """Hourly: files that were kept long enough are gone, and tables that a killed import has left."""
    with audit.entered("job"):
        imports.expire()


def look_up_exchanges(**_: object) -> None:
    """DNS is asked who takes mail for the domains that are wanted."""
    mail_exchanges.look_up_due()


def count_audiences(*, audience_ids: list[int], **_: object) -> None:
    """Audiences that somebody looks at in a list have a fresh count."""
    sizes.count_stale(audience_ids, at=clock.now())


def write_search_texts(**_: object) -> None:
    """People who came or changed by thousands are found by an index."""
    search_texts.fill(seconds=SECONDS_OF_SEARCH_TEXTS)
