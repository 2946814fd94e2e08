"""What DNS says of domains that mail comes from: asked by a worker, kept as rows, read by everybody else.

A name that is wanted has a row; whatever is due is asked for in the background, and again each day for as long as it is
wanted. No preparation and no web request waits for DNS.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

import dns.exception
import dns.resolver
from django.conf import settings
from django.db.models import Q, QuerySet

from campaign.lib import clock, name_servers
from deliveries import queues
from deliveries.models import DnsAnswer

SECONDS_OF_A_JOB = 45.0
FRESH_FOR, TRIED_AGAIN_AFTER = timedelta(days=1), timedelta(minutes=10)
WANTED_FOR = timedelta(days=90)
MOST_TEXTS, LONGEST_TEXT = 20, 4096  # kept of one answer
Outcome = DnsAnswer.Outcome


class NoAnswer(Exception):
    """DNS could not be asked, or said nothing in time."""


@dataclass(frozen=True)
class Said:
    """What DNS said."""

    outcome: str
    texts: tuple[str, ...] = ()


def look(name: str, *, seconds: float | None = None) -> Said:
    """Ask DNS for the TXT records of a name, now and for so long at most. Raises NoAnswer."""
    try:
        answer = name_servers.resolver().resolve(
            name, "TXT", lifetime=seconds or settings.SINETE["dns_seconds"], search=False
        )
    except dns.resolver.NXDOMAIN:
        return Said(Outcome.NO_DOMAIN)
    except dns.resolver.NoAnswer:
        return Said(Outcome.NOTHING)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        raise NoAnswer(type(error).__name__) from error
    texts = (b"".join(row.strings).decode("utf-8", "replace").replace("\0", "\ufffd") for row in answer)
    return Said(Outcome.FOUND, tuple(text[:LONGEST_TEXT] for text in list(texts)[:MOST_TEXTS]))


def known(names: Iterable[str]) -> dict[str, DnsAnswer]:
    """The rows of these names, by name. What was never answered is left out."""
    rows = DnsAnswer.objects.filter(name__in=set(names)).exclude(outcome=Outcome.UNKNOWN)
    return {row.name: row for row in rows}


def want(names: Iterable[str]) -> None:
    """Have these names looked up in the background, where no fresh answer is there; after the commit."""
    wanted = sorted(set(names))
    if not wanted:
        return
    at = clock.now()
    there = dict(DnsAnswer.objects.filter(name__in=wanted).values_list("name", "wanted_at"))
    DnsAnswer.objects.bulk_create(
        (DnsAnswer(name=name, wanted_at=at) for name in wanted if name not in there), ignore_conflicts=True
    )
    old = [name for name, since in there.items() if since < at - FRESH_FOR]
    if old:
        DnsAnswer.objects.filter(name__in=old).update(wanted_at=at)
    if due(at).filter(name__in=wanted).exists():
        queues.LOOK_UP.enqueue(job_id="look-up")


def ask_again(names: Iterable[str]) -> None:
    """Have these names looked up anew, however fresh their answers are; these stay until others have come."""
    names = sorted(set(names))
    if not names:
        return
    want(names)
    DnsAnswer.objects.filter(name__in=names).update(tried_at=None)
    queues.LOOK_UP.enqueue(job_id="look-up")


def due(at: datetime) -> QuerySet[DnsAnswer]:
    """The names to be looked up, those never asked for first."""
    failed = ~Q(problem="") & Q(tried_at__lt=at - TRIED_AGAIN_AFTER)
    rows = DnsAnswer.objects.filter(Q(tried_at=None) | Q(tried_at__lt=at - FRESH_FOR) | failed)
    return rows.order_by("tried_at", "name")


def look_up_due() -> None:
    """Ask DNS for what is due, for three quarters of a minute at most; forget what nobody wanted for long.

    It may run twice, or die half-way: each answer is stored by itself.
    """
    DnsAnswer.objects.filter(wanted_at__lt=clock.now() - WANTED_FOR).delete()
    until = time.monotonic() + SECONDS_OF_A_JOB
    for row in list(due(clock.now()).values_list("pk", "name")[:500]):
        left = until - time.monotonic()
        if left <= 0:
            return
        _look_up(*row, seconds=min(left, settings.SINETE["dns_seconds"]))


def _look_up(pk: int, name: str, *, seconds: float) -> None:
    row = DnsAnswer.objects.filter(pk=pk)
    try:
        said = look(name, seconds=seconds)
    except NoAnswer as problem:
        row.update(tried_at=clock.now(), problem=str(problem)[:200])
        return
    at = clock.now()
    row.update(outcome=said.outcome, texts=list(said.texts), answered_at=at, tried_at=at, problem="")
