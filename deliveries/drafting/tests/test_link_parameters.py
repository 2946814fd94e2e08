"""Parameters of links, from what unit and delivery say to the address that opens; what was approved stays."""

import json
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.tests.browsers import signed_in
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import unit_links
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from campaign.lib.link_parameters import BadParameter
from campaign.lib.refusals import Refusal
from deliveries import drafting, proofs
from deliveries.admin.tests.desk import change, filled
from deliveries.confirmation import decisions
from deliveries.content.compiled import Compiled
from deliveries.lifecycle import seal
from deliveries.models import Delivery, ScheduleKind, Status
from deliveries.proofs import previews
from deliveries.rendering import sealed_renderer
from deliveries.series import activation
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.sends import send
from deliveries.tests.series import go_to, next_of, runs, series_of, work

pytestmark = pytest.mark.django_db(transaction=True)
SOURCE = ["utm_source", "house"]
CAMPAIGN = ["utm_campaign", "{{ delivery.label }} {{ delivery.name }} {{ delivery.date }}"]


@pytest.fixture
def unit():
    return UnitFactory(label="Brasil")


def say(unit, *pairs, domains=()):
    boss = UserFactory(roles={"administration": unit})
    unit_links.save(unit=unit, parameters=pairs, domains=domains, by=boss)


def edit(delivery, **settings):
    return drafting.edit(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), **settings)


def sealed_addresses(delivery):
    """Where the links of what was prepared lead."""
    made = sealed_renderer(delivery)
    return [made.link_url(link.index, {}) for link in made.compiled.links if link.kind == "tracked"]


def test_links_get_what_the_unit_says_with_what_the_delivery_says_on_top(unit):
    say(unit, SOURCE, ["utm_medium", "email"])
    at = datetime(2099, 12, 1, 1, 30, tzinfo=UTC)
    delivery = DeliveryFactory(
        unit=unit, label="July & co", schedule_kind=ScheduleKind.AT_DATE, contact_date=at,
        time_zone="America/Sao_Paulo", link_parameters=[CAMPAIGN, ["utm_medium", ""]], ready=True,
    )  # fmt: skip

    campaign = f"utm_campaign=July%20%26%20co%20{delivery.name}%202099-11-30"
    assert sealed_addresses(delivery) == [
        f"https://www.example.com/offers?from=mail&utm_source=house&{campaign}",
        f"https://www.example.com/offers?utm_source=house&{campaign}",
    ]


def test_a_delivery_can_say_whose_links_get_them(unit):
    say(unit, SOURCE, domains=["elsewhere.example"])
    delivery = DeliveryFactory(unit=unit, ready=True)
    other = DeliveryFactory(unit=unit, link_domains=["example.com"], ready=True)

    assert "utm_source" not in "".join(sealed_addresses(delivery))
    assert all("utm_source=house" in address for address in sealed_addresses(other))


def test_what_can_not_be_said_is_refused():
    with pytest.raises(BadParameter):
        DeliveryFactory(link_parameters=[["utm_id", "{{ profile.email }}"]])


@pytest.mark.parametrize("change", ["unit", "delivery", "label"])
def test_a_change_after_approval_asks_for_approval_again(unit, change):
    say(unit, SOURCE)
    delivery = DeliveryFactory(
        unit=unit, link_parameters=[["utm_campaign", "{{ delivery.label }}"]], ready=True
    )

    if change == "unit":
        say(unit, ["utm_source", "other"])
    else:
        edit(delivery, **({"link_parameters": [SOURCE]} if change == "delivery" else {"label": "Other"}))

    delivery = Delivery.objects.get(pk=delivery.pk)
    assert seal.changes(delivery) == ["parameters"]
    assert delivery.status == (Status.READY if change == "unit" else Status.DRAFT)
    with pytest.raises(Refusal):
        confirm(delivery)


def confirm(delivery):
    decisions.confirm(
        delivery=delivery, seal=delivery.seal, by=person("start", delivery.unit), at=clock.now()
    )


def test_a_label_that_no_parameter_uses_is_no_part_of_the_seal(unit):
    say(unit, SOURCE)
    delivery = DeliveryFactory(unit=unit, ready=True)

    assert edit(delivery, label="Other") == []
    assert Delivery.objects.get(pk=delivery.pk).status == Status.READY


def test_what_was_confirmed_leaves_as_it_was_confirmed(unit, relay):
    say(unit, SOURCE)
    delivery = DeliveryFactory(unit=unit, scheduled=True, recipients=2, tracking=False)
    say(unit, ["utm_source", "other"])

    send(delivery)

    assert delivery.status == Status.FINISHED
    assert all(b"utm_source=house" in octets for octets in relay.octets())


def test_what_was_sealed_before_there_were_parameters_stays_until_somebody_says_some(unit, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(seal, "FORM", 2)
        delivery, other = (DeliveryFactory(unit=unit, ready=True) for _number in range(2))

    assert seal.changes(delivery) == []
    confirm(delivery)
    say(unit, SOURCE)

    assert seal.changes(other) == ["parameters"]
    assert Compiled.from_json(delivery.preparation.compiled).links[0].template.endswith("?from=mail")


def test_a_copy_says_the_same(unit):
    delivery = DeliveryFactory(unit=unit, link_parameters=[SOURCE], link_domains=["example.com"])

    copy = drafting.duplicate(delivery=delivery, by=person("prepare", unit))

    assert (copy.link_parameters, copy.link_domains) == ([SOURCE], ["example.com"])


def test_a_new_date_that_a_parameter_uses_is_compiled_anew(unit):
    day = timedelta(days=1)
    delivery = DeliveryFactory(
        unit=unit, schedule_kind=ScheduleKind.AT_DATE, contact_date=clock.now() + 30 * day,
        link_parameters=[["utm_id", "{{ delivery.date }}"]], ready=True,
    )  # fmt: skip

    edit(delivery, contact_date=clock.now() + 60 * day)

    delivery = Delivery.objects.get(pk=delivery.pk)
    assert delivery.status == Status.DRAFT
    bring_to(delivery, "ready", by=person("prepare", unit))
    assert f"{clock.now() + 60 * day:%Y-%m-%d}" in sealed_addresses(Delivery.objects.get(pk=delivery.pk))[0]


def test_without_a_date_a_parameter_that_uses_it_is_warned_of(unit):
    delivery = DeliveryFactory(unit=unit, link_parameters=[["utm_id", "{{ delivery.date }}"]], ready=True)

    warned = [finding["code"] for finding in delivery.preparation.warnings]
    assert "parameter_without_date" in warned
    assert "utm_id" not in sealed_addresses(delivery)[0]


@pytest.mark.usefixtures("real_time_again")
def test_each_run_of_a_series_fills_in_its_own_date_and_is_inside_of_what_was_activated():
    series = series_of(stage="draft", request_confirmation=False)
    edit(series, link_parameters=[["utm_id", "{{ delivery.date }}-{{ delivery.name }}"]])
    bring_to(series, "scheduled", by=person("prepare", series.unit))
    moment = next_of(Delivery.objects.get(pk=series.pk))

    go_to(moment - timedelta(minutes=30))
    work()

    (run,) = runs(series)
    assert activation.differences(run, run.latest_preparation().manifest["parts"]) == []
    assert f"utm_id={moment:%Y-%m-%d}-{run.name}" in sealed_addresses(run)[0]


@pytest.mark.parametrize("tracking", [True, False])
def test_the_preview_lists_where_links_lead(unit, tracking):
    say(unit, SOURCE)
    delivery = DeliveryFactory(unit=unit, tracking=tracking)

    shown = previews.preview(delivery=delivery).links

    assert shown[0] == previews.ShownLink(
        "See the offers", "https://www.example.com/offers?from=mail&utm_source=house"
    )
    assert len(shown) == (2 if tracking else 1)


def test_proofs_lead_where_the_messages_will(unit, relay):
    say(unit, SOURCE)
    delivery = DeliveryFactory(unit=unit)
    proof = proofs.send(
        delivery=delivery, by=person("prepare", unit), at=clock.now(),
        test_profiles=[TestProfileFactory(unit=unit)],
    )  # fmt: skip

    proofs.run(proof_id=proof.pk)

    (octets,) = relay.octets()
    assert b"from=mail&amp;utm_source=house" in octets


# -- the faces --------------------------------------------------------------------------------------------

GENERAL = {"label": "July", "validity_hours": 84, "tracking": "on"}


@pytest.mark.parametrize("face", ["page", "desk"])
def test_page_and_desk_say_it_and_show_what_links_get(unit, face):
    say(unit, SOURCE)
    delivery = DeliveryFactory(unit=unit)
    browser = signed_in(UserFactory(is_staff=True, roles={"prepare": unit}))
    page = reverse("deliveries:edit", args=[delivery.pk]) if face == "page" else change(delivery)
    posted = GENERAL | {"unit": unit.pk} if face == "page" else filled(unit)

    wrong = browser.post(page, posted | {"link_parameters": "utm_id = {{ profile.email }}"})
    browser.post(
        page, posted | {"link_parameters": "utm_id = 7\r\nutm_source=\r\n", "link_domains": "example.com"}
    )

    assert "nothing of the person" in wrong.content.decode()
    delivery.refresh_from_db()
    assert delivery.link_parameters == [["utm_id", "7"], ["utm_source", ""]]
    assert "utm_id = 7" in browser.get(page).content.decode()
    dashboard = browser.get(reverse("deliveries:dashboard", args=[delivery.pk])).content.decode()
    assert "utm_id=7 (example.com)" in dashboard


def test_the_file_of_a_delivery_says_it(unit, tmp_path):
    UserFactory(username="ana", roles={"prepare": unit})
    file = tmp_path / "july.json"

    def made(**more):
        file.write_text(json.dumps({"label": "July", "unit": "Brasil", **more}))
        call_command("create_delivery", file, "--as", "ana", stdout=StringIO())
        return Delivery.objects.latest("pk")

    delivery = made(link_parameters={"utm_id": "{{ delivery.name }}"}, link_domains=["Example.com"])
    assert (delivery.link_parameters, delivery.link_domains) == (
        [["utm_id", "{{ delivery.name }}"]],
        ["example.com"],
    )
    for wrong in (
        {"link_parameters": ["utm_id"]},
        {"link_parameters": {"utm_id": 7}},
        {"link_parameters": {"utm_id": "{{ profile.id }}"}},
        {"link_domains": "example.com"},
        {"link_domains": [7]},
        {"link_domains": ["a b"]},
    ):
        with pytest.raises(CommandError, match="link_"):
            made(**wrong)


def test_preview_and_approval_show_the_links_with_their_parameters(unit):
    say(unit, SOURCE)
    delivery = DeliveryFactory(unit=unit, awaiting_approval=True)
    browser = signed_in(person("approve", unit))

    for page in ("preview", "approval"):
        shown = browser.get(reverse(f"deliveries:{page}", args=[delivery.pk])).content.decode()
        assert "https://www.example.com/offers?from=mail&amp;utm_source=house" in shown
