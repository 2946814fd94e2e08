"""What is said of a sender before anything leaves: whose signature, whose return path, and what DNS holds."""

from datetime import timedelta

import pytest

from accounts.roles import root
from accounts.tests.factories import UnitFactory
from campaign.lib import clock
from deliveries.channels.dkim import Signer, read_key
from deliveries.models import Delivery, DnsAnswer, Route, Status
from deliveries.preparation import verbs as preparation
from deliveries.routing import authentication, dns_answers, routes, sender_checks, senders
from deliveries.tests import dns_server
from deliveries.tests.dkim_keys import pem
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db

OWN = "serra-alta.com.br"


def signs(domain: str = OWN) -> Route:
    return Route(label="Own", dkim_domain=domain, dkim_selector="s1", dkim_key_variable="KEY")


def record(key="rsa") -> str:
    return Signer(domain=OWN, selector="s1", key=read_key(pem(key))).record.value


@pytest.fixture(autouse=True)
def key(monkeypatch):
    monkeypatch.setenv("KEY", pem("rsa").decode())


def found(sender: str, route: Route, unit=None) -> list[tuple[str, str]]:
    if route.pk is None:
        route.save()
    delivery = Delivery(unit=unit or root(), route=route)
    return [(each.level, each.code) for each in sender_checks.findings(delivery, sender=sender)]


# -- the route and the list -------------------------------------------------------------------------------


@pytest.mark.parametrize("domain", [OWN, f"m.{OWN}"])
@pytest.mark.parametrize("sender", [f"news@{OWN}", f"news@mail.{OWN}", f"News@{OWN.upper()}"])
def test_a_route_that_signs_for_the_senders_organization_is_right(sender, domain):
    assert found(sender, signs(domain)) == []


@pytest.mark.parametrize("sender", ["news@other.com.br", "news@com.br", f"news@x{OWN}"])
def test_a_route_that_signs_for_another_organization_is_an_error(sender):
    assert found(sender, signs()) == [("error", "dkim_domain")]


def test_where_nothing_is_signed_a_sender_that_nobody_entered_is_warned_of():
    unit = UnitFactory()
    sender = f"news@{OWN}"

    assert found(sender, Route(label="Bare"), unit) == [("warning", "sender_not_listed")]
    senders.save(unit=root(), address="News@" + OWN, by=person("administration", root()))
    assert found(sender, Route.objects.get(label="Bare"), unit) == []
    assert found(f"other@{OWN}", Route.objects.get(label="Bare"), unit) == [("warning", "sender_not_listed")]
    senders.save(unit=unit, address=OWN, by=person("administration", root()))
    assert found(f"other@{OWN}", Route.objects.get(label="Bare"), unit) == []


@pytest.mark.parametrize("sender", ["somebody@gmail.com", "x@Hotmail.com", "x@uol.com.br", "x@mail.gmx.de"])
def test_an_address_at_a_public_provider_is_an_error(sender):
    assert ("error", "public_provider") in found(sender, Route(label="Bare"))
    assert ("error", "public_provider") in found(sender, signs())


def test_a_provider_itself_may_send_what_it_signs():
    assert found("news@uol.com.br", signs("uol.com.br")) == []


@pytest.mark.parametrize(
    ("route", "level"),
    [(Route(label="Bare", return_path_domain="relay.example"), "warning"), (signs(), "info")],
    ids=["unsigned", "signed"],
)
def test_a_return_path_of_another_organization_is_said(route, level):
    route.pk, route.return_path_domain = None, "relay.example"
    senders.save(unit=root(), address=OWN, by=person("administration", root()))

    assert found(f"news@{OWN}", route) == [(level, "return_path_domain")]


def test_a_preparation_fails_for_a_sender_at_a_public_provider():
    delivery = DeliveryFactory(content={"from_address": "serra.alta@gmail.com"})
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())

    preparation.run(preparation_id=run.pk)

    delivery.refresh_from_db()
    assert delivery.status == Status.PREPARATION_FAILED
    assert [each["code"] for each in delivery.latest_preparation().findings] == ["public_provider"]


# -- DNS --------------------------------------------------------------------------------------------------

GOOD = {
    OWN: ["something=else", "v=spf1 include:relay.example -all"],
    f"_dmarc.{OWN}": ["v=DMARC1; p=none"],
    f"s1._domainkey.{OWN}": ["KEY"],
}


@pytest.fixture
def zone(settings):
    """DNS holds all that it should."""
    with dns_server.serving(GOOD | {f"s1._domainkey.{OWN}": [record()]}) as zone:
        settings.SINETE = settings.SINETE | {"dns_servers": [zone.place], "dns_seconds": 0.3}
        yield zone


def of_dns(sender: str = f"news@{OWN}", route: Route | None = None) -> list[str]:
    """The findings once DNS was asked by a worker."""
    way = authentication.way_of(sender, route or signs())
    dns_answers.want(way.names)
    dns_answers.look_up_due()
    return [each.code for each in authentication.of_dns(way)]


def test_what_dns_holds_as_it_should_be_is_no_finding(zone):
    assert of_dns() == []
    assert of_dns(f"news@mail.{OWN}") == ["sender_domain_unknown"]


@pytest.mark.parametrize(
    ("changed", "codes"),
    [
        ({f"s1._domainkey.{OWN}": []}, ["dkim_record"]),
        ({f"s1._domainkey.{OWN}": ["v=DKIM1; k=rsa; p=MIIBother"]}, ["dkim_record"]),
        ({OWN: []}, ["spf_missing"]),
        ({OWN: ["v=spf1 -all", "v=spf1 a ~all"]}, ["spf_many"]),
        ({OWN: ["v=spf10 -all"]}, ["spf_missing"]),
        ({OWN: ["V=SPF1 +all"]}, ["spf_open"]),
        ({f"_dmarc.{OWN}": []}, ["dmarc_missing"]),
        ({f"_dmarc.{OWN}": ["v=DMARC1; p=none", "v=DMARC1; p=reject"]}, ["dmarc_missing"]),
        ({f"_dmarc.{OWN}": ["v=DMARC1; p=reject"]}, []),
        ({f"_dmarc.{OWN}": ["x" * 700, "\\000 v=DMARC1"]}, ["dmarc_missing"]),
    ],
)
def test_what_dns_does_not_hold_is_said(zone, changed, codes):
    zone.records |= changed

    assert of_dns() == codes


def test_a_subdomain_has_the_policy_of_its_organization(zone):
    zone.records |= {f"mail.{OWN}": ["v=spf1 -all"], f"_dmarc.{OWN}": ["v=DMARC1; p=none; sp=reject"]}

    assert of_dns(f"news@mail.{OWN}", Route(label="Bare")) == ["dmarc_fails"]
    assert of_dns(f"news@{OWN}", Route(label="Bare")) == []


def test_the_return_path_is_what_spf_speaks_of(zone):
    zone.records |= {"relay.com.br": ["v=spf1 -all"], OWN: []}

    assert of_dns(route=Route(label="Bare", return_path_domain="relay.com.br")) == []


def test_nobody_is_told_what_dns_did_not_say(zone):
    zone.silent = True

    assert of_dns() == []
    assert not DnsAnswer.objects.filter(problem="").exists()


def test_an_answer_stays_while_dns_is_silent(zone):
    zone.records[f"_dmarc.{OWN}"] = []
    assert of_dns() == ["dmarc_missing"]
    zone.silent = True
    DnsAnswer.objects.update(tried_at=None)

    assert of_dns() == ["dmarc_missing"]


def test_what_was_asked_today_is_not_asked_again(zone):
    of_dns()
    asked = len(zone.asked)

    of_dns()

    assert len(zone.asked) == asked


def test_what_nobody_wants_any_more_is_forgotten(zone):
    of_dns()
    DnsAnswer.objects.update(wanted_at=clock.now() - dns_answers.WANTED_FOR - timedelta(days=1))

    dns_answers.look_up_due()

    assert not DnsAnswer.objects.exists()


def test_a_job_gives_up_in_time_and_leaves_the_rest_for_the_next(zone, monkeypatch):
    monkeypatch.setattr(dns_answers, "SECONDS_OF_A_JOB", 0.0)

    assert of_dns() == []
    assert zone.asked == []


def test_of_what_is_set_aside_for_examples_dns_is_not_asked(zone):
    assert of_dns("news@serra-alta.example", Route(label="Bare")) == []
    assert zone.asked == []


def test_a_content_has_dns_asked_by_a_worker_and_a_preparation_reads_it(zone, work, monkeypatch):
    zone.records[f"_dmarc.{OWN}"] = []
    route = routes.default_route()
    route.dkim_domain, route.dkim_selector, route.dkim_key_variable = OWN, "s1", "KEY"
    route.save()
    delivery = DeliveryFactory(content={"from_address": f"news@{OWN}"})
    assert zone.asked == []

    work()
    asked = len(zone.asked)
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())
    preparation.run(preparation_id=run.pk)

    assert asked == len(zone.asked) == 3
    delivery.refresh_from_db()
    assert [each["code"] for each in delivery.latest_preparation().findings] == ["dmarc_missing"]
