"""Every named address, in a house with one thing of each kind; and those that show no page there, with the reason."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import reverse
from django_rq import get_connection
from rq import Queue

from accounts import audit
from accounts.models import User
from accounts.roles import SHIPPED, root
from accounts.tests.factories import UnitFactory, UserFactory
from alerts.models import Webhook
from audiences.models import Profile
from audiences.tests.factories import ServiceFactory
from benchmarks import pages_urls
from campaign.lib import clock
from deliveries import desk
from deliveries.models import Delivery, Folder
from deliveries.tests.factories import DeliveryFactory
from feedback.models import Report
from home.tests import one_of_each
from reporting.reports import kinds
from reporting.reports.subjects import About
from reporting.views.deployment import TABS

LONG = "x" * 120
# By name: what has no page to look at here. What takes POST alone, and what nobody may, says so by its status.
ELSEWHERE = {
    "account_confirm_email": "what anybody may open: test_accessible_to_anybody.py",
    "account_login": "what anybody may open: test_accessible_to_anybody.py",
    "account_reset_password_from_key": "what anybody may open: test_accessible_to_anybody.py",
    "admin:autocomplete": "rows for a field",
    "admin:deliveries_series_add": "leads on: a series begins with its delivery",
    "admin:django_rq_actions": "leads on where nothing is chosen",
    "admin:django_rq_confirm_action": "leads on where nothing is chosen",
    "admin:django_rq_cron_job_detail": "of a process that runs: none does here",
    "admin:django_rq_cron_scheduler_detail": "of a process that runs: none does here",
    "admin:django_rq_home_json": "figures for a program",
    "admin:django_rq_metrics": "figures for a program",
    "admin:django_rq_scheduler_jobs": "of a process that runs: none does here",
    "admin:django_rq_worker_details": "of a worker that runs: none does here",
    "admin:jsi18n": "Django's own script",
    "admin:login": "leads on whoever is signed in",
    "admin:password_change": "leads on to the page for that",
    "admin:search": "rows for a field",
    "admin:view_on_site": "leads nowhere: no row has a page outside the desk",
    "audiences:import-progress": "a part of the page of an import",
    "audiences:import-rows": "the rows of a file, which go with it",
    "deliveries:attachment": "a file that was uploaded",
    "deliveries:count": "a part of a page",
    "deliveries:frame": "what an author wrote",
    "deliveries:occurrences": "a part of a page",
    "deliveries:progress": "a part of a page",
    "deliveries:template-frame": "what an author wrote",
    "feedback:click": "leads on",
    "feedback:confirm": "what anybody may open: test_accessible_to_anybody.py",
    "feedback:mirror": "what an author wrote",
    "feedback:open": "a picture",
    "feedback:picture": "a picture",
    "feedback:preferences": "what anybody may open: test_accessible_to_anybody.py",
    "feedback:sign-up": "what anybody may open: test_accessible_to_anybody.py",
    "feedback:unsubscribe": "what anybody may open: test_accessible_to_anybody.py",
    "home:metrics": "figures for a program that has the key",
    "login": "what anybody may open: test_accessible_to_anybody.py",
    "reporting:click-map": "what an author wrote",
    "reporting:decide": "is there while outcomes are unknown",
    "reporting:export": "a file",
    "reporting:export-progress": "known while a file is being downloaded",
    "reporting:frame": "what an author wrote",
    "reporting:last-run": "a part of a page",
    "reporting:person-download": "a file",
    "reporting:report-export": "a file",
    "reporting:summary-export": "a file",
    "set_language": "leads on",
    "styleguide": "for a developer's machine alone",
}


def house() -> tuple[User, pages_urls.Keys]:
    """One thing of each kind, some with names longer than a line; and somebody who may see all of it."""
    unit = UnitFactory()
    boss: Any = UserFactory(
        is_superuser=True, is_staff=True, home_unit=root(), roles=dict.fromkeys(SHIPPED, root())
    )
    sent = DeliveryFactory(unit=unit, finished=True, recipients=2, label=LONG)
    draft, ready = DeliveryFactory(unit=unit), DeliveryFactory(unit=unit, ready=True, recipients=1)
    for stage in ("awaiting_approval", "scheduled", "sending", "paused", "stopped"):
        DeliveryFactory(unit=unit, recipients=1, **{stage: True})
    Delivery.objects.create(
        unit=unit, label="Natal", schedule_kind="at_date", contact_date=clock.now(), time_zone="UTC"
    )
    profile = Profile.objects.filter(unit=unit).earliest("pk")
    Profile.objects.filter(pk=profile.pk).update(first_name=LONG)
    ServiceFactory(unit=unit)
    audit.record("create_delivery", by=boss, target=sent)
    one_of_each.make()
    for folder in Folder.objects.filter(path=""):
        Folder.objects.filter(pk=folder.pk).update(path=f"/{folder.pk}/")
    return boss, pages_urls.Keys(
        delivery=sent.pk, draft=draft.pk, ready=ready.pk, profile=profile.pk, audience=sent.audience_id or 0
    )


def addresses(keys: pages_urls.Keys) -> Iterator[tuple[str, str]]:
    """(name, address): each named one that may show a page, and one for each tab, report, search and state."""
    own = [*_own(keys), *_of_queues(), *_of_each_stage(keys), *_of_reports(keys)]
    yield from own
    for place in pages_urls.places(keys):
        if place.name not in {*(name for name, _ in own), *ELSEWHERE} and (
            not place.what or place.what in TABS
        ):
            yield place.name, place.address
    for name, asked in (
        ("accounts_user", "q=nobody"), ("audiences_audience", "o=2.-1"), ("deliveries_delivery", "q=x"),
    ):  # fmt: skip
        yield f"admin:{name}_changelist", reverse(f"admin:{name}_changelist") + f"?{asked}"


def _own(keys: pages_urls.Keys) -> Iterator[tuple[str, str]]:
    """Addresses that name rows which the benchmark has not."""
    report = Report.objects.earliest("pk")
    Report.objects.filter(pk=report.pk).update(delivery=keys.delivery, seq=1)
    yield "feedback:incoming-mail", reverse("feedback:incoming-mail", args=[report.mail_id])
    yield "reporting:report", reverse("reporting:report", args=[keys.delivery, 1, report.pk])
    yield (
        "reporting:scheduled-create",
        reverse("reporting:scheduled-create", args=["unit"]) + f"?unit={root().pk}",
    )
    for name in ("folder", "folder-edit", "folder-delete"):
        yield (
            f"deliveries:{name}",
            reverse(f"deliveries:{name}", args=[Folder.objects.earliest("pk").pk]),
        )
    yield "alerts:webhook", reverse("alerts:webhook", args=[Webhook.objects.earliest("pk").pk])


def _of_reports(keys: pages_urls.Keys) -> Iterator[tuple[str, str]]:
    numbers = {About.FOLDER: Folder.objects.earliest("pk").pk, About.UNIT: root().pk}
    for code, kind in kinds.KINDS.items():
        number = numbers.get(kind.about, keys.delivery)
        name = "delivery" if kind.about == About.DELIVERIES else kind.about
        yield "reporting:report-on", reverse("reporting:report-on", args=[code]) + f"?{name}={number}"


def _of_each_stage(keys: pages_urls.Keys) -> Iterator[tuple[str, str]]:
    """A delivery as it stands, and what the desk asks before a step of it."""
    at = {each.status: each for each in Delivery.objects.order_by("-pk")}
    for delivery in at.values():
        yield "deliveries:dashboard", reverse("deliveries:dashboard", args=[delivery.pk])
    yield "deliveries:approval", reverse("deliveries:approval", args=[at["awaiting_approval"].pk])
    yield "deliveries:stop", reverse("deliveries:stop", args=[at["sending"].pk])
    boss = User.objects.filter(is_superuser=True).latest("pk")
    asking = {
        one.name: delivery for delivery in at.values() for one in desk.offered(delivery, boss) if one.page
    }
    for name, delivery in asking.items():
        yield (
            "admin:deliveries_delivery_step",
            reverse("admin:deliveries_delivery_step", args=[delivery.pk, name]),
        )


def _of_queues() -> Iterator[tuple[str, str]]:
    """The pages of a queue and of a job that waits in it."""
    job = Queue("default", connection=get_connection("default")).enqueue("deliveries.jobs.tick")
    for name, (route, *_others) in pages_urls.names().items():
        if name.startswith("admin:django_rq_") and name not in ELSEWHERE:
            values = {"queue_index": 0, "job_id": job.id, "result_id": "1"}
            yield name, reverse(name, kwargs={key: values[key] for key in re.findall(r"<\w+:(\w+)>", route)})
