"""The desk as a whole: its side bar, the queues and their failed jobs."""

from types import SimpleNamespace

import pytest
from django.apps import apps
from django.conf import settings
from django.test import Client
from django.utils import translation
from django.utils.functional import empty
from django_rq import get_queue
from rq import Worker
from rq.job import Job, JobStatus
from rq.registry import FailedJobRegistry

from accounts import desk_display
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Quarantine
from campaign.admin import GROUPS
from campaign.lib import clock

pytestmark = pytest.mark.django_db
QUEUES = "/admin/django_rq/dashboard/"
OWN = {"this", "esta"}  # there is one
DEFAULT = sorted(settings.RQ_QUEUES).index("default")  # its number on the pages of django-rq


def desk(**person: object) -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, **person))
    return client


def test_what_is_registered_is_put_together_only_where_a_page_shows_it() -> None:
    operator = desk(roles={"administration": root()})

    page, first = operator.get("/admin/accounts/user/"), operator.get("/admin/")

    assert page.context["available_apps"]._wrapped is empty
    assert "/admin/accounts/user/" in {
        model["admin_url"] for app in first.context["app_list"] for model in app["models"]
    }


def test_an_app_of_which_one_may_see_nothing_is_not_found() -> None:
    assert desk().get("/admin/feedback/").status_code == 404
    assert desk(is_superuser=True).get("/admin/feedback/").status_code == 200


def fail() -> None:
    raise RuntimeError("as it must")


@pytest.fixture
def failed(work):
    get_queue("default").enqueue("campaign.tests.test_desk.fail")
    return work(raising=False)[0]


def test_queues_and_failed_jobs_are_shown_to_administrators_of_everything(failed) -> None:
    boss = desk(roles={"administration": root()})

    assert boss.get(QUEUES).status_code == 200
    assert failed.id in boss.get(f"{QUEUES}queues/{DEFAULT}/failed/").content.decode()
    assert (
        "campaign.tests.test_desk.fail" in boss.get(f"{QUEUES}queues/{DEFAULT}/{failed.id}/").content.decode()
    )
    assert boss.get(f"{QUEUES}stats.json").status_code == 200


def test_a_failed_job_is_done_again_and_that_is_recorded(failed) -> None:
    boss = desk(is_superuser=True)

    boss.post(f"{QUEUES}queues/{DEFAULT}/{failed.id}/requeue/", {"requeue": "yes"})

    assert failed.id in get_queue("default").job_ids
    assert AuditEvent.objects.filter(action="queues", refused=False).exists()


@pytest.mark.parametrize("path", ["", "stats.json", "queues/0/failed/", "queues/0/", "workers/0/"])
def test_nobody_else_sees_the_queues(path: str) -> None:
    unit = UnitFactory()

    for role in ("start", "administration"):
        assert desk(roles={role: unit}).get(f"{QUEUES}{path}").status_code == 403


def test_nobody_else_acts_on_the_queues(failed) -> None:
    answer = desk(roles={"start": root()}).post(f"{QUEUES}queues/0/{failed.id}/delete/", {"post": "yes"})

    assert answer.status_code == 403
    assert failed.id in get_queue("default").failed_job_registry.get_job_ids()
    assert AuditEvent.objects.filter(action="queues", refused=True).exists()


def test_the_side_bar_names_what_one_may_open() -> None:
    starter, boss = desk(roles={"start": UnitFactory()}), desk(is_superuser=True)

    for page, names, not_names in (
        (starter.get("/admin/"), ["Deliveries", "Profiles"], ["Audit trail", "Queues and failed jobs"]),
        (boss.get("/admin/"), ["Audit trail", "Queues and failed jobs", "Routes"], []),
    ):
        text = page.content.decode()
        assert all(name in text for name in names)
        assert not any(name in text for name in not_names)


@pytest.mark.parametrize("language", ["en", "pt-br"])
def test_the_side_bar_calls_a_list_what_its_page_calls_it_perhaps_in_fewer_words(language: str) -> None:
    with translation.override(language):
        named = [
            (
                str(title).lower().split(),
                f"{model._meta.verbose_name} {model._meta.verbose_name_plural}".lower().split(),
            )
            for _group, entries in GROUPS
            for app, name, title, _icon in entries
            if app != "django_rq"
            for model in [apps.get_model(app, name)]
        ]

    assert [title for title, words in named if not set(title) - OWN <= set(words)] == []


def test_the_headers_of_a_list_are_made_once_however_many_rows_it_has(monkeypatch) -> None:
    asked, changes = [], SimpleNamespace()
    monkeypatch.setattr(desk_display, "_headers", lambda list_: asked.append(list_) or [{"text": "name"}])

    headers = [list(desk_display.result_headers(changes)) for _row in range(3)]

    assert headers == [[{"text": "Name"}]] * 3
    assert asked == [changes]


def test_the_queues_speak_portuguese_and_a_torn_job_is_no_error_of_the_page() -> None:
    boss, valkey = desk(is_superuser=True), get_queue("default").connection
    boss.cookies["django_language"] = "pt-br"
    torn = {
        "hollow": {"status": "failed"},
        "garbage": {"status": "failed", "created_at": "2026-11-12T09:00:00.000000Z", "data": b"\x80torn", "origin": "default"},
        "no-moment": {"status": "started", "created_at": "yesterday", "data": b"x", "origin": "default"},
    }  # fmt: skip
    for name, fields in torn.items():
        valkey.hset(f"rq:job:{name}", mapping=fields)

    assert "Filas" in boss.get(QUEUES).content.decode()
    pages = {name: boss.get(f"{QUEUES}queues/{DEFAULT}/{name}/") for name in torn}
    assert {page.status_code for page in pages.values()} == {200}
    assert [name for name, page in pages.items() if "Não dá para ler" not in page.content.decode()] == []
    assert boss.get(f"{QUEUES}queues/{DEFAULT}/nowhere/").status_code == 404


def test_the_pages_within_the_queues_speak_portuguese_and_do_what_they_say() -> None:
    boss, queue = desk(is_superuser=True), get_queue("default", commit_mode="auto")
    boss.cookies["django_language"] = "pt-br"
    waiting = queue.enqueue("campaign.lib.clock.now")
    failed = queue.enqueue("campaign.lib.no_such_thing")
    FailedJobRegistry(queue=queue).add(failed, exc_string="Traceback: gone")
    failed.set_status(JobStatus.FAILED)
    worker = Worker([queue], connection=queue.connection)
    worker.register_birth()
    here = f"{QUEUES}queues/{DEFAULT}/"

    said = {
        "": "Aguardando", "details/": "Fila default", "failed/": "Fazer todas de novo", "finished/": "Nenhuma tarefa aqui.",
        "started/": "Nenhuma tarefa aqui.", "scheduled/": "Nenhuma tarefa aqui.", "deferred/": "Nenhuma tarefa aqui.",
        f"{waiting.id}/": "O que faz", f"{failed.id}/": "Fazer de novo", f"{failed.id}/delete/": "Tem certeza?",
        "empty/": "Tem certeza?", "requeue-all/": "1 tarefa com falha", "failed/clear/": "1 tarefa com falha",
    }  # fmt: skip
    for path, words in said.items():
        page = boss.get(f"{here}{path}")
        assert page.status_code == 200, path
        assert words in page.content.decode(), path
    for path in (f"{QUEUES}workers/{DEFAULT}/", f"{QUEUES}workers/{DEFAULT}/{worker.key}/"):
        assert "Início" in boss.get(path).content.decode()
    chosen = {"action": "delete", "_selected_action": [failed.id, "nowhere"]}
    asked = boss.post(f"{QUEUES}queues/confirm-action/{DEFAULT}/", chosen).content.decode()
    assert "Estas tarefas são excluídas." in asked
    boss.post(f"{QUEUES}queues/actions/{DEFAULT}/", {"action": "delete", "job_ids": [failed.id]})
    assert not Job.exists(failed.id, connection=queue.connection)


def test_a_worker_that_is_gone_is_no_page() -> None:
    boss = desk(is_superuser=True)

    assert boss.get(f"{QUEUES}workers/{DEFAULT}/rq:worker:gone/").status_code == 404


def test_below_a_list_its_rows_are_counted_whatever_their_kind_is_called() -> None:
    operator = desk(is_superuser=True, roles={"administration": root()})
    for name in ("one", "two"):
        Quarantine.objects.create(
            address_key=f"{name}@example.com", status=Quarantine.Status.QUARANTINE, created_at=clock.now()
        )

    page = operator.get("/admin/audiences/quarantine/").text

    assert '<div class="py-4">2 rows</div>' in page
