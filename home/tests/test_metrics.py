"""What Prometheus is told, to whom, and what while something is away."""

import json
import re

import pytest
import yaml
from django.conf import settings as project
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from redis.exceptions import ConnectionError as ValkeyAway

from alerts import watching
from campaign.lib import queue_figures
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory
from home import metrics
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db
FOLDER = project.BASE_DIR / "docs" / "deployment" / "prometheus"


def samples(text=None):
    families = text_string_to_metric_families((text or metrics.text()).decode())
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in families
        for sample in family.samples
    }


def test_without_a_token_there_is_no_such_page(client):
    assert client.get("/metrics/").status_code == 404


@pytest.mark.parametrize("header", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic right"}])
def test_who_brings_no_token_learns_nothing(client, settings, header):
    settings.METRICS_TOKEN = "right"

    answer = client.get("/metrics/", headers=header)

    assert (answer.status_code, answer.content) == (401, b"")


def test_who_brings_the_token_is_told_in_a_handful_of_statements(
    client, settings, django_assert_max_num_queries
):
    settings.METRICS_TOKEN = "right"
    DeliveryFactory(ready=True)

    with django_assert_max_num_queries(4):
        answer = client.get("/metrics/", headers={"Authorization": "Bearer right"})

    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain")
    found = samples(answer.content)
    assert found["sinete_deliveries", "ready"] == 1
    assert found["sinete_up", "postgresql"] == found["sinete_up", "valkey"] == 1
    assert found["sinete_queue_jobs", "send"] == 0


def test_a_delivery_that_moves_is_named_with_its_outcomes_and_one_that_is_over_is_not():
    moving = delivery_with(sending=True, recipients=10, sent=3, failed=2, in_doubt=1)
    over = delivery_with(sent=1)

    found = samples()

    assert found["sinete_delivery_messages", moving.name, "sent"] == 3
    assert found["sinete_delivery_messages", moving.name, "failed"] == 2
    assert found["sinete_delivery_messages", moving.name, "to_deliver"] == 10
    assert found["sinete_unknown_outcomes",] == 1
    assert not [key for key in found if over.name in key]


def test_of_many_that_move_only_the_latest_are_named(monkeypatch):
    monkeypatch.setattr(metrics, "_SQL", metrics._SQL.replace("LIMIT 50", "LIMIT 1").replace("- 50", "- 1"))
    first, second = DeliveryFactory(sending=True), DeliveryFactory(sending=True)

    found = samples()

    assert ("sinete_delivery_messages", second.name, "sent") in found
    assert ("sinete_delivery_messages", first.name, "sent") not in found
    assert found["sinete_deliveries_unnamed",] == 1


def test_open_alerts_are_counted_by_condition():
    delivery = DeliveryFactory(sending=True)
    gate.fail(delivery.pk, because="What is prepared is not what was confirmed.")
    watching.look()

    found = samples()

    assert found["sinete_alerts_open", "failed"] == 1
    assert found["sinete_alerts_open", "late"] == 0


def test_while_the_queue_is_away_the_database_is_told_of(monkeypatch):
    monkeypatch.setattr(queue_figures, "standings", _raise(ValkeyAway()))

    found = samples()

    assert (found["sinete_up", "valkey"], found["sinete_up", "postgresql"]) == (0, 1)
    assert ("sinete_lanes",) in found


def test_while_the_database_is_away_the_queue_is_told_of(monkeypatch):
    monkeypatch.setattr(metrics.transaction, "atomic", _raise(OperationalError()))

    found = samples()

    assert (found["sinete_up", "valkey"], found["sinete_up", "postgresql"]) == (1, 0)
    assert ("sinete_queue_workers", "tick") in found
    assert not [key for key in found if key[0] == "sinete_lanes"]


def _raise(error):
    def refuse(*_args, **_kwargs):
        raise error

    return refuse


def test_the_shipped_rules_and_the_dashboard_ask_for_metrics_that_there_are():
    rules = yaml.safe_load((FOLDER / "sinete.rules.yml").read_text())
    dashboard = json.loads((FOLDER / "grafana-sinete.json").read_text())
    asked = [rule["expr"] for group in rules["groups"] for rule in group["rules"]]
    asked += [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]

    named = {name for each in asked for name in re.findall(r"sinete_(\w+)", each)}

    assert named
    assert named <= set(metrics.FAMILIES)
    assert all(rule["annotations"]["summary"] for group in rules["groups"] for rule in group["rules"])


def test_the_page_needs_no_session(settings):
    settings.METRICS_TOKEN = "right"

    assert Client().get("/metrics/", headers={"Authorization": "bearer right"}).status_code == 200
