"""What is wrong with the mail that comes back: for `manage.py doctor`, which takes its time."""

from collections.abc import Iterator
from datetime import datetime, timedelta

import dns.exception
import dns.resolver
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from campaign.lib import name_servers
from deliveries.models import Route
from deliveries.overview.diagnosis import Diagnosis, fault, waits
from feedback.models import IncomingMail, MailKind, MailSource, Outcome, Report

PATIENCE = timedelta(minutes=15)
LATELY = timedelta(days=7)
SECONDS = 5.0  # for one domain


def of_mail(at: datetime) -> Iterator[Diagnosis]:
    """Sources that can't be reached, reports that pile up, a return path that leads nowhere."""
    yield from _sources(at)
    yield from _piles(at)
    yield from _return_paths()


def _sources(at: datetime) -> Iterator[Diagnosis]:
    long_ago = Q(reached_at=None) | Q(reached_at__lt=at - PATIENCE)
    for source in MailSource.objects.filter(long_ago, is_active=True).exclude(looked_at=None):
        yield fault(
            "mail_source_away",
            _(
                "“%(source)s”, where mail that comes back is fetched from, can't be reached: %(problem)s. What waits "
                "there waits on; “manage.py check_mail_source” tries it."
            ),
            source=source,
            problem=(source.problem or "–").rstrip("."),
        )
    for source in MailSource.objects.filter(is_active=True, reached_at__gte=at - PATIENCE).exclude(
        problem=""
    ):
        yield waits("mail_source_keeps", "%(source)s: %(problem)s", source=source, problem=source.problem)


def _piles(at: datetime) -> Iterator[Diagnosis]:
    unread = IncomingMail.objects.filter(read_at=None, received_at__lt=at - PATIENCE).count()
    if unread:
        yield fault(
            "mail_unread",
            _(
                "%(number)s mails that came back have waited to be read for more than a quarter of an hour. See "
                "whether a worker listens to the queue “default”, and why “feedback.jobs.read_mail” fails."
            ),
            number=unread,
        )
    unsettled = Report.objects.filter(
        outcome=Outcome.PENDING, is_current=True, delivery__isnull=False, mail__read_at__lt=at - PATIENCE
    ).count()
    if unsettled:
        yield fault(
            "reports_pending",
            _("%(number)s reports were read and have not taken effect for more than a quarter of an hour."),
            number=unsettled,
        )
    odd = IncomingMail.objects.filter(kind=MailKind.UNREADABLE, received_at__gte=at - LATELY).count()
    if odd:
        yield waits(
            "mail_unreadable",
            _("%(number)s mails of the last seven days could not be read; “Incoming mail” shows them."),
            number=odd,
        )


def _return_paths() -> Iterator[Diagnosis]:
    domains = Route.objects.exclude(return_path_domain="").values_list("return_path_domain", flat=True)
    for domain in sorted(set(domains)):
        found = has_mx(domain)
        if found is None:
            yield waits("mx_unknown", _("DNS does not say where mail for %(domain)s goes."), domain=domain)
        elif not found:
            yield fault(
                "no_mx",
                _(
                    "%(domain)s, the domain of the return path, has no MX record: what comes back reaches nobody, and "
                    "many servers refuse mail that could not be returned. Publish one."
                ),
                domain=domain,
            )


def has_mx(domain: str) -> bool | None:
    """Whether DNS names a server for mail to the domain; None where it does not answer."""
    try:
        answer = name_servers.resolver().resolve(domain, "MX", lifetime=SECONDS, search=False)
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        return False
    except (dns.exception.DNSException, OSError):
        return None
    return any(str(record.exchange) != "." for record in answer)
