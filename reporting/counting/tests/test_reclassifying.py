import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from campaign.stack.module_db import once
from deliveries.tests.factories import person
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind
from feedback.tests.factories import CHROME, hit
from reporting.counting import reclassifying, statistics
from reporting.models import DeliveryStatistics, HitReclassification
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db
GATEWAY = "203.0.113.0/24"


@pytest.fixture
def diego():
    return UserFactory(is_superuser=True, is_staff=True)


@once
def delivery():
    """Opened by three people, as it seems; one of them from where a gateway stands, which nobody has said yet."""
    made = delivery_with(sent=4)
    for seq, network in [(1, GATEWAY), (2, "192.0.2.0/24"), (3, "192.0.2.0/24")]:
        hit(made, HitKind.OPEN, seq, agent=CHROME, network=network, method="GET")
    hit(made, HitKind.CLICK, 2, agent=CHROME, network=GATEWAY, method="GET")
    hit(made, HitKind.OPEN, 4, agent="found by its method", agent_kind=AgentKind.MACHINE)
    statistics.count_hourly()
    return made


@pytest.fixture
def gateway_known(tmp_path, settings):
    own = tmp_path / "networks.txt"
    own.write_text(f"{GATEWAY} machine\n")
    settings.READER_NETWORKS = str(own)


def classes(delivery):
    return list(
        Hit.objects.filter(delivery=delivery).order_by("kind", "seq").values_list("agent_kind", flat=True)
    )


def run(*arguments):
    out = StringIO()
    call_command("reclassify_hits", *arguments, stdout=out)
    return out.getvalue()


def test_a_look_says_what_would_change_and_applying_makes_it_so(delivery, diego, gateway_known):
    before = classes(delivery)

    looked = json.loads(run(delivery.name, "--as", diego.username, "--json"))

    assert (looked["status"], looked["hits"], looked["changed"]) == ("ready", 5, 2)
    assert looked["moves"] == [["click", "human", "machine", 1], ["open", "human", "machine", 1]]
    assert looked["figures"]["openers"] == [3, 2]
    assert looked["figures"]["clickers"] == [1, 0]
    assert classes(delivery) == before
    assert DeliveryStatistics.objects.get(delivery=delivery).openers == 3

    applied = json.loads(run("--apply", str(looked["number"]), "--as", diego.username, "--json"))

    assert (applied["status"], applied["figures"]) == ("applied", looked["figures"])
    assert classes(delivery) == ["machine", "machine", "human", "human", "machine"]
    assert DeliveryStatistics.objects.get(delivery=delivery).openers == 2
    assert list(AuditEvent.objects.order_by("id").values_list("action", flat=True))[-2:] == [
        "reclassify_hits", "apply_reclassify_hits",
    ]  # fmt: skip


def test_with_the_former_rules_it_is_undone(delivery, diego, gateway_known, settings):
    before = classes(delivery)
    run("--all", "--yes", "--as", diego.username)
    settings.READER_NETWORKS = ""

    printed = run("--all", "--yes", "--as", diego.username)

    assert classes(delivery) == before
    assert "5 hits looked at, 2 of another class than before." in printed
    assert "Machine → Person" in printed


def test_only_what_was_looked_at_is_applied_and_only_once(delivery, diego):
    run_ = reclassifying.start(delivery=delivery, by=diego, at=clock.now())
    with pytest.raises(reclassifying.NotReady):
        reclassifying.apply(run=run_, by=diego)

    reclassifying.work(run_id=run_.pk)
    reclassifying.work(run_id=run_.pk)  # the job may come twice
    reclassifying.apply(run=run_, by=diego)
    reclassifying.work(run_id=run_.pk)

    with pytest.raises(reclassifying.NotReady):
        reclassifying.apply(run=run_, by=diego)


def test_a_run_whose_job_was_lost_is_asked_for_again(delivery, diego):
    lost = reclassifying.start(delivery=delivery, by=diego, at=clock.now() - reclassifying.LOST_AFTER * 2)

    assert reclassifying.wake() == 1

    reclassifying.work(run_id=lost.pk)
    assert reclassifying.wake() == 0


def test_whoever_does_not_administer_the_unit_may_not(delivery, client):
    marketer = person("start", delivery.unit)
    for concerned in (delivery, None):
        with pytest.raises(NotAllowed):
            reclassifying.start(delivery=concerned, by=marketer, at=clock.now())
    client.force_login(marketer)
    assert client.post(reverse("reporting:reclassify-hits", args=[delivery.pk])).status_code == 403


@pytest.mark.parametrize("arguments", [[], ["--apply", "4711"], ["--apply", "-1"], ["DM1", "--all"], ["DM0"]])
def test_the_command_says_what_is_missing(arguments, diego):
    with pytest.raises(CommandError) as refusal:
        run(*arguments, "--as", diego.username)

    assert refusal.value.returncode == 2


def test_rules_that_can_t_be_read_are_told_before_anything_is_done(delivery, diego, settings):
    settings.READER_RULES = "/nowhere.toml"

    with pytest.raises(reclassifying.RulesNotUnderstood, match=r"/nowhere\.toml"):
        reclassifying.start(delivery=delivery, by=diego, at=clock.now())

    assert not HitReclassification.objects.exists()


def test_the_page_and_the_desk_show_the_three_classes_and_lead_through_it(
    delivery, diego, client, gateway_known, work
):
    client.force_login(diego)
    window = client.get(reverse("reporting:window", args=[delivery.pk, "tracking"])).content.decode()
    page = reverse("reporting:reclassify-hits", args=[delivery.pk])
    assert page in window
    assert "?kind=open&amp;agent=human" in window

    client.post(page)
    work()
    shown = client.get(page).content.decode()
    found = HitReclassification.objects.get()
    assert "Person → Machine" in shown
    client.post(reverse("reporting:reclassify-hits-apply", args=[delivery.pk, found.pk]))
    work()

    assert "Applied" in client.get(page).content.decode()
    desk = client.get(reverse("admin:reporting_deliverystatistics_changelist")).content.decode()
    assert "2 · 0 · 2" in desk
    assert (
        client.post(reverse("admin:reporting_hitreclassification_add"), {"delivery": ""}).status_code == 302
    )
    again = HitReclassification.objects.get(delivery=None)
    work()
    client.post(reverse("admin:reporting_hitreclassification_apply", args=[again.pk]))
    again.refresh_from_db()
    assert again.status == HitReclassification.Status.APPLYING


def test_who_did_not_open_is_neither_a_person_nor_unsure_nor_did_they_click(client, diego):
    delivery = delivery_with(sent=5, failed=1)
    hit(delivery, HitKind.OPEN, 1)
    hit(delivery, HitKind.OPEN, 2, agent_kind=AgentKind.UNSURE)
    hit(delivery, HitKind.CLICK, 3)
    hit(delivery, HitKind.OPEN, 4, agent_kind=AgentKind.MACHINE)
    client.force_login(diego)

    page = client.get(reverse("reporting:window", args=[delivery.pk, "sending"]) + "?reaction=not_opened")

    assert [row.seq for row in page.context["page"].rows] == [4, 5]
