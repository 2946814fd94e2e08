"""The commands do what the pages do."""

import json
from decimal import Decimal
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from standardwebhooks import Webhook as Receiver

from alerts import choices, limits, watching
from alerts.models import Condition, MailWhen, Webhook
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


def run(name, *args, by):
    out = StringIO()
    call_command(name, *map(str, args), "--as", by.username, "--json", stdout=out)
    return json.loads(out.getvalue())


def test_list_alerts_says_what_the_page_says(unit):
    delivery = DeliveryFactory(unit=unit, sending=True)
    gate.fail(delivery.pk, because="What is prepared is not what was confirmed.")
    watching.look()
    user = delivery.created_by

    (alert,) = run("list_alerts", "--mine", "--seen", by=user)["alerts"]

    assert (alert["condition"], alert["delivery"]) == ("failed", delivery.name)
    assert run("list_alerts", "--mine", by=user)["alerts"] == []
    assert len(run("list_alerts", by=user)["alerts"]) == 1
    out = StringIO()
    call_command("list_alerts", "--as", user.username, stdout=out)
    assert delivery.label in out.getvalue()


def test_choose_alerts_changes_what_is_named_and_shows_the_rest(unit):
    user = person("prepare", unit)

    answer = run("choose_alerts", "late", "--mail", "daily", by=user)

    assert answer["late"] == {"whose": "mine", "mail": "daily"}
    assert choices.of(user)[Condition.LATE].mail == MailWhen.DAILY
    assert choices.of(user)[Condition.FAILED].mail == MailWhen.AT_ONCE
    with pytest.raises(CommandError, match="no condition"):
        run("choose_alerts", "lost", by=user)


def test_set_alert_limits_keeps_what_is_named(unit):
    user = person("administration", unit)

    run("set_alert_limits", unit.pk, "--bounces", "3.5", "--holds", "yes", by=user)
    answer = run("set_alert_limits", unit.pk, "--least", "50", by=user)

    assert answer["holds"]["bounces"] == "3.50"
    assert (limits.of_unit(unit).bounces, limits.of_unit(unit).least) == (Decimal("3.5"), 50)
    run("set_alert_limits", unit.pk, "--bounces", "above", by=user)
    assert limits.of_unit(unit).bounces == 5
    for bad in ("x", "nan", "-1", "1e12"):
        with pytest.raises(CommandError):
            run("set_alert_limits", unit.pk, f"--least={bad}", by=user)


def test_a_webhook_is_made_tried_and_given_another_secret(unit, end):
    user = person("administration", unit)

    made = run(
        "webhook", "create", unit.pk, "--label", "Desk", "--url", end.url, "--condition", "late", by=user
    )
    assert run("webhook", "test", made["webhook"], by=user)["status"] == 204
    (told,) = end.told
    assert Receiver(made["secret"]).verify(told.body, told.headers)["type"] == "webhook.test"

    another = run("webhook", "rotate", made["webhook"], by=user)
    assert another["secret"] != made["secret"]
    run("webhook", "change", made["webhook"], "--label", "Pager", by=user)
    (listed,) = run("webhook", "list", by=user)["webhooks"]
    assert (listed["label"], listed["conditions"], "secret" in listed) == ("Pager", ["late"], False)
    (message,) = run("webhook", "log", made["webhook"], by=user)["messages"]
    assert message["attempts"][0]["status"] == 204
    run("webhook", "remove", made["webhook"], by=user)
    assert not Webhook.objects.exists()


def test_as_many_webhooks_are_listed_as_one_asks_for(unit, end):
    user = person("administration", unit)
    for label in ("One", "Two", "Three"):
        run("webhook", "create", unit.pk, "--label", label, "--url", end.url, by=user)

    listed = run("webhook", "list", "--limit", "2", by=user)["webhooks"]

    assert [row["label"] for row in listed] == ["One", "Two"]


def test_a_test_that_is_not_taken_ends_with_1(unit, end):
    user = person("administration", unit)
    made = run("webhook", "create", unit.pk, "--url", end.url, by=user)
    end.status = 500

    with pytest.raises(CommandError, match="error") as refused:
        call_command("webhook", "test", str(made["webhook"]), "--as", user.username)

    assert refused.value.returncode == 1


def test_nobody_reaches_the_webhooks_of_others(unit, end):
    made = run("webhook", "create", unit.pk, "--url", end.url, by=person("administration", unit))

    with pytest.raises(CommandError, match="no webhook"):
        run("webhook", "rotate", made["webhook"], by=person("start", unit))


def test_where_there_is_no_webhook_the_command_says_so(unit):
    out = StringIO()

    call_command("webhook", "list", "--as", person("administration", unit).username, stdout=out)

    assert "No webhook" in out.getvalue()
