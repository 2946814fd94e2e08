"""Who takes mail for which domain: asked of DNS by a worker, kept as rows, read by everybody else.

A provider is known by the registered domain of its MX hosts: whoever hosts at Google or Microsoft refuses as they do. A
domain without such a record, or that nobody was asked about yet, is its own provider. No request, preparation or send
waits for DNS.
"""

import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import dns.exception
import dns.resolver
from django.conf import settings
from django.db import connection, transaction
from django.db.models import BooleanField, CharField, F, Func, OuterRef, Q, QuerySet, Subquery, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import Coalesce, NullIf

from audiences import queues
from audiences.models import MailExchange, ProviderRevision
from campaign.lib import clock, mail_domains, name_servers

SECONDS_OF_A_JOB = 45.0
AT_ONCE = 2_000  # domains of one job
ASKED_TOGETHER = 16
FRESH_FOR, TRIED_AGAIN_AFTER = timedelta(days=7), timedelta(minutes=10)
WANTED_FOR = timedelta(days=90)
WANTED_ANEW = timedelta(days=1)
MOST_HOSTS, LONGEST_NAME = 20, 253
Outcome = MailExchange.Outcome

# {given} is a query of address keys. Only what is new, or was wanted last more than a day ago, is written and locked.
_WANT = """
    INSERT INTO audiences_mailexchange (domain, outcome, hosts, provider, problem, wanted_at)
    SELECT domain, 'unknown', '{{}}', '', '', %(at)s
    FROM (SELECT DISTINCT substring(key FROM '[^@]+$') AS domain FROM ({given}) AS g (key)) d
    WHERE domain <> '' AND length(domain) <= 253 AND NOT EXISTS (
        SELECT 1 FROM audiences_mailexchange x WHERE x.domain = d.domain AND x.wanted_at >= %(at)s - %(anew)s
    )
    ORDER BY domain ON CONFLICT (domain) DO UPDATE SET wanted_at = excluded.wanted_at
"""


# Of a domain without a record the mail goes to the domain itself (RFC 5321, 5.1).
_TAKES = """
    EXISTS (
        SELECT 1 FROM unnest(CASE WHEN outcome = 'nothing' THEN ARRAY[domain] ELSE hosts END) h
        WHERE right('.' || h, length(%s)) = %s
    )
"""


@dataclass(frozen=True)
class Said:
    """What DNS said: the hosts in the order in which a sender must try them."""

    outcome: str
    hosts: tuple[str, ...] = ()
    problem: str = ""

    @property
    def provider(self) -> str:
        """The registered domain of the first host."""
        return mail_domains.organizational(self.hosts[0]) if self.hosts else ""


def look(domain: str, *, seconds: float) -> Said:
    """Ask DNS now, for so long at most, who takes mail for a domain; what went wrong is said in `problem`."""
    try:
        answer = name_servers.resolver().resolve(domain, "MX", lifetime=seconds, search=False)
        rows = sorted((row.preference, row.exchange.to_text(omit_final_dot=True).lower()) for row in answer)
    except dns.resolver.NXDOMAIN:
        return Said(Outcome.NO_DOMAIN)
    except dns.resolver.NoAnswer:
        return Said(Outcome.NOTHING)
    except (dns.exception.DNSException, OSError, ValueError) as error:
        return Said(Outcome.UNKNOWN, problem=type(error).__name__)
    hosts = tuple(host[:LONGEST_NAME] for _preference, host in rows[:MOST_HOSTS] if host not in ("", "."))
    return Said(Outcome.FOUND, hosts) if hosts else Said(Outcome.REFUSES)


def want(given: str, values: dict[str, Any]) -> None:
    """Have the domains of the addresses that a query names looked up in the background, where that is due."""
    with connection.cursor() as cursor:
        cursor.execute(_WANT.format(given=given), values | {"at": clock.now(), "anew": WANTED_ANEW})
    if due(clock.now()).exists():
        queues.LOOK_UP.enqueue(job_id="look-up-exchanges")


def want_of(keys: Iterable[str]) -> None:
    """The same of these keys of addresses."""
    want("SELECT unnest(%(keys)s::text[])", {"keys": sorted(set(keys))})


def due(at: datetime) -> QuerySet[MailExchange]:
    """The domains to be looked up, those never asked for first."""
    failed = ~Q(problem="") & Q(tried_at__lt=at - TRIED_AGAIN_AFTER)
    rows = MailExchange.objects.filter(Q(tried_at=None) | Q(tried_at__lt=at - FRESH_FOR) | failed)
    return rows.order_by(F("tried_at").asc(nulls_first=True), "domain")


def look_up_due() -> None:
    """Ask DNS for what is due, for three quarters of a minute at most; forget what nobody wanted for long.

    It may run twice, or die half-way: what was answered is stored as it comes.
    """
    _forget(clock.now() - WANTED_FOR)
    until = time.monotonic() + SECONDS_OF_A_JOB
    waiting = list(due(clock.now()).values_list("pk", "domain")[:AT_ONCE])
    with ThreadPoolExecutor(ASKED_TOGETHER) as pool:
        for start in range(0, len(waiting), ASKED_TOGETHER):
            left = until - time.monotonic()
            if left <= 0:
                return
            together = waiting[start : start + ASKED_TOGETHER]
            seconds = min(left, settings.SINETE["dns_seconds"])
            said = list(pool.map(lambda row, most=seconds: _said_of(row[1], most), together))
            _store([pk for pk, _domain in together], said)


def _said_of(domain: str, seconds: float) -> Said:
    """Of a domain that is set aside for examples nobody is asked."""
    return Said(Outcome.NOTHING) if mail_domains.is_reserved(domain) else look(domain, seconds=seconds)


@transaction.atomic
def _forget(before: datetime) -> None:
    """What nobody wanted since then is gone: each of these domains is its own provider again."""
    rows = MailExchange.objects.filter(wanted_at__lt=before)
    had_providers = rows.exclude(provider="").exists()
    rows.delete()
    if had_providers:
        _revise()


def _store(pks: Sequence[int], said: Sequence[Said]) -> None:
    at = clock.now()
    before = dict(MailExchange.objects.filter(pk__in=pks).values_list("pk", "provider"))
    for pk, each in zip(pks, said, strict=True):
        row = MailExchange.objects.filter(pk=pk)
        if each.outcome == Outcome.UNKNOWN:  # the answer of before stays
            row.update(tried_at=at, problem=each.problem[:200])
            continue
        with transaction.atomic():
            row.update(
                outcome=each.outcome, hosts=list(each.hosts), provider=each.provider, answered_at=at, tried_at=at,
                problem="",
            )  # fmt: skip
            if before.get(pk) != each.provider:
                _revise()


def _revise() -> None:
    """A domain comes to another provider in this transaction: what was counted by provider holds no more.

    The row is the last thing that such a transaction locks.
    """
    ProviderRevision.objects.get_or_create(pk=1)
    ProviderRevision.objects.update(number=F("number") + 1)


def revision() -> int:
    """Return another number whenever a domain has come to another provider."""
    return ProviderRevision.objects.values_list("number", flat=True).first() or 0


def domain_of(field: str) -> Func:
    """In a query: the domain of the key of an address."""
    return Func(
        F(field), Value("[^@]+$"), function="substring", output_field=CharField(max_length=LONGEST_NAME)
    )


def provider_of(field: str) -> Coalesce:
    """In a query: who takes mail for the key of an address; as long as that is not known, its own domain."""
    known = MailExchange.objects.filter(domain=domain_of_outer(field)).values("provider")[:1]
    return Coalesce(NullIf(Subquery(known), Value("")), domain_of(field), output_field=CharField())


def domain_of_outer(field: str) -> Func:
    """In a query inside of another: the domain of the outer one's key of an address."""
    return Func(
        OuterRef(field),
        Value("[^@]+$"),
        function="substring",
        output_field=CharField(max_length=LONGEST_NAME),
    )


def domains_at(host: str) -> QuerySet[MailExchange]:
    """The domains whose mail a host takes, or one of those below a domain such as google.com."""
    host = host.strip().strip(".").lower()
    takes = RawSQL(_TAKES, [f".{host}", f".{host}"], output_field=BooleanField())
    return MailExchange.objects.filter(takes) if host else MailExchange.objects.none()
