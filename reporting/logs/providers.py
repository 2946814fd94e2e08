"""Rows of the sending log by who takes mail for their addresses: the same rule for figures, filters and files.

Whose address a person may not see is told apart by no provider either: a domain may be somebody's name.
"""

from collections.abc import Callable, Collection
from typing import Any

from django.db.models import Case, CharField, Count, Q, QuerySet, Value, When
from django.db.models.functions import Coalesce
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from audiences import mail_exchanges
from audiences.models import MailExchange

LONGEST = 253
TOP = 25  # providers that have a line of their own
# No host has such a name. All: of whoever does not see all people, where they were counted for everybody.
ALL, OTHERS, UNSEEN, ERASED = "(all)", "(others)", "(unseen)", "(erased)"

_NO_HOSTS = frozenset({ALL, OTHERS, UNSEEN, ERASED})

Rows = QuerySet[Any]


def named(marked: Rows) -> Rows:
    """The rows, which `sight.marked` has marked, each with its provider."""
    return marked.annotate(
        provider=Case(
            When(is_seen=True, then=Coalesce(mail_exchanges.provider_of("address_key"), Value(ERASED))),
            default=Value(UNSEEN),
            output_field=CharField(),
        )
    )


def counted(marked: Rows, **counts: Count) -> list[dict[str, Any]]:
    """The providers with the most rows, each with these counts beside `number`."""
    groups = named(marked).order_by().values("provider").annotate(number=Count("seq"), **counts)
    return list(groups.order_by("-number", "provider")[:TOP])


def chosen(text: str) -> str:
    """What an address names as a provider; empty where it can be none."""
    plain = text.replace("\x00", "").strip().lower()
    return plain if len(plain) <= LONGEST else ""


def of(marked: Rows, provider: str, *, top: Callable[[], Collection[str]]) -> Rows:
    """Of these rows those of a provider; of the others, those of none that `top` names."""
    if provider == UNSEEN:
        return marked.filter(is_seen=False)
    if provider == ERASED:
        return marked.filter(is_seen=True, address_key="")
    if provider == OTHERS:
        return named(marked).exclude(provider__in=top())
    taken = MailExchange.objects.filter(provider=provider)
    rule = Q(domain__in=taken.values("domain"))
    if not MailExchange.objects.filter(domain=provider).exclude(provider__in=["", provider]).exists():
        rule |= Q(domain=provider)
    return marked.alias(domain=mail_exchanges.domain_of("address_key")).filter(rule, is_seen=True)


def hosts(names: list[str]) -> dict[str, str | Promise]:
    """By provider its MX host, or why none is known; nothing of those that are no single one."""
    known = exchanges(names)
    return {name: _host(known.get(name)) for name in names if name not in _NO_HOSTS}


def _host(known: MailExchange | None) -> str | Promise:
    if known is None or known.outcome == MailExchange.Outcome.UNKNOWN:
        return _("not looked up yet")
    if known.outcome == MailExchange.Outcome.NOTHING:
        return _("no MX record")
    return known.hosts[0] if known.hosts else known.get_outcome_display()


def exchanges(names: list[str]) -> dict[str, MailExchange]:
    """Of each of these providers one domain, with its hosts; of a domain that is its own provider what DNS said."""
    hosted = MailExchange.objects.filter(provider__in=names).order_by("provider", "domain")
    own = MailExchange.objects.filter(domain__in=names, provider="")
    return {row.domain: row for row in own} | {row.provider: row for row in hosted.distinct("provider")}
