"""Whether receivers will believe the senders: what the route, the lists and DNS's stored answers say."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from django.utils.translation import gettext_lazy as _

from deliveries.content.findings import Finding
from deliveries.models import Delivery, DnsAnswer, Sender
from deliveries.overview.diagnosis.causes import Diagnosis, fault, waits
from deliveries.routing import sender_checks

MOST = 200  # senders that are looked at
SILENT_FOR = timedelta(hours=1)
# By these mail is refused, or its signature is broken; the others are advice.
GRAVE = {"dkim_record", "dmarc_fails", "sender_domain_unknown", "spf_many"}


def of_senders(*, at: datetime) -> Iterator[Diagnosis]:
    """What is wrong with the senders on the units' lists, by the default route."""
    rows = list(Sender.objects.select_related("unit").order_by("pk")[:MOST])
    told: set[str] = set()
    for standing in sender_checks.standings(rows):
        for one in _told(standing.findings):
            if one.text not in told:
                told.add(one.text)
                yield one
    yield from _silent_dns(at)


def of_sender(delivery: Delivery) -> list[Diagnosis]:
    """What is wrong with the sender of one delivery, by the route that it leaves by."""
    if delivery.content is None:
        return []
    return list(_told(sender_checks.findings(delivery, sender=delivery.content.from_address)))


def _told(findings: Iterable[Finding]) -> Iterator[Diagnosis]:
    for each in findings:
        say = fault if each.is_error or each.code in GRAVE else waits
        yield say(each.code, each.message)


def _silent_dns(at: datetime) -> Iterator[Diagnosis]:
    never = DnsAnswer.objects.filter(outcome=DnsAnswer.Outcome.UNKNOWN, wanted_at__lt=at - SILENT_FOR)
    number = never.count()
    if number:
        example = never.order_by("name").first()
        yield waits(
            "dns_silent",
            _(
                "DNS has said nothing of %(number)s names that senders need, such as %(name)s (%(problem)s): let the "
                "“work” processes reach a resolver, or name one in SINETE_DNS_SERVERS."
            ),
            number=number,
            name=example,
            problem=(example.problem if example else "") or "–",
        )
