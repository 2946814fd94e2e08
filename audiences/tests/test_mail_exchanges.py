"""Who takes mail for which domain: asked by a worker, kept, and known by provider."""

from datetime import timedelta

import pytest

from audiences import jobs, mail_exchanges
from audiences.models import MailExchange
from campaign.lib import clock
from deliveries.tests import dns_server

pytestmark = pytest.mark.django_db

EXCHANGES = {
    "serra.com.br": ["20 ALT1.ASPMX.L.GOOGLE.com.", "10 aspmx.l.google.com."],
    "contoso.com": ["0 contoso-com.mail.protection.outlook.com."],
    "silent.com.br": [],
    "closed.com.br": ["0 ."],
}


@pytest.fixture
def zone(settings):
    with dns_server.serving({}, EXCHANGES) as running:
        settings.SINETE = settings.SINETE | {"dns_servers": [running.place], "dns_seconds": 0.3}
        yield running


def known():
    return {
        row.domain: (row.outcome, row.provider, row.hosts[:1])
        for row in MailExchange.objects.order_by("domain")
    }


def test_a_worker_asks_each_domain_once_and_the_provider_is_that_of_the_first_host(zone, work):
    domains = [*EXCHANGES, "gone.com.br", "serra.example"]
    mail_exchanges.want_of([f"{who}@{domain}" for domain in domains for who in ("ana", "rui")])

    assert {job.func_name for job in work()} == {"audiences.jobs.look_up_exchanges"}

    assert known() == {
        "closed.com.br": ("refuses", "", []),
        "contoso.com": ("found", "outlook.com", ["contoso-com.mail.protection.outlook.com"]),
        "gone.com.br": ("no_domain", "", []),
        "serra.com.br": ("found", "google.com", ["aspmx.l.google.com"]),
        "serra.example": ("nothing", "", []),
        "silent.com.br": ("nothing", "", []),
    }
    assert "serra.example" not in zone.asked  # set aside for examples
    asked = len(zone.asked)
    mail_exchanges.want_of(["ana@serra.com.br"])
    jobs.look_up_exchanges()
    assert len(zone.asked) == asked


def test_an_answer_stays_while_dns_is_silent_and_what_nobody_wants_is_forgotten(zone):
    mail_exchanges.want_of(["ana@serra.com.br", "ana@contoso.com"])
    jobs.look_up_exchanges()
    zone.silent = True
    MailExchange.objects.update(tried_at=clock.now() - timedelta(days=8))
    long_ago = clock.now() - mail_exchanges.WANTED_FOR - timedelta(days=1)
    MailExchange.objects.filter(domain="contoso.com").update(wanted_at=long_ago)

    jobs.look_up_exchanges()

    row = MailExchange.objects.get()
    assert (row.provider, row.problem) == ("google.com", "LifetimeTimeout")


def test_a_job_asks_no_longer_than_it_may(zone, monkeypatch):
    monkeypatch.setattr(mail_exchanges, "SECONDS_OF_A_JOB", 0.0)
    mail_exchanges.want_of(["ana@serra.com.br"])

    jobs.look_up_exchanges()

    assert (known()["serra.com.br"][0], zone.asked) == ("unknown", [])


def test_domains_are_found_by_a_host_or_by_the_domain_above_it():
    for domain, *hosts in (
        ("a.com", "aspmx.l.google.com"), ("b.com", "alt1.aspmx.l.google.com"), ("c.com", "mx1.c.com", "mx2.c.com"), ("d.com",),
    ):  # fmt: skip
        outcome = "found" if hosts else "nothing"
        MailExchange.objects.create(domain=domain, hosts=hosts, outcome=outcome, wanted_at=clock.now())

    asked = {
        "google.com": {"a.com", "b.com"},
        "Aspmx.L.Google.com.": {"a.com", "b.com"},
        "alt1.aspmx.l.google.com": {"b.com"},
        ".l.google.com": {"a.com", "b.com"},
        "mx2.c.com": {"c.com"},
        "d.com": {"d.com"},  # without a record it is its own server
        "oogle.com": set(),
        "%": set(),
        ".": set(),
    }

    assert {host: {row.domain for row in mail_exchanges.domains_at(host)} for host in asked} == asked
