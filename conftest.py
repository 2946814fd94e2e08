"""Fixtures for every app: the queue's work done in this process, an empty queue, a unit, a browser."""

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from django.db import connection
from django.test import TransactionTestCase

from campaign.lib import jobs
from campaign.stack import database_template
from campaign.stack.browser import HOW_TO, find
from campaign.stack.clean_slate import CleanSlate
from campaign.stack.inprocess import play_commit, run_queued
from campaign.stack.module_db import make_way, module_db, pytest_collection_modifyitems

__all__ = ["module_db", "pytest_collection_modifyitems"]

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from accounts.models import OrganizationalUnit


@pytest.fixture(scope="session")
def django_db_modify_db_settings(django_db_modify_db_settings: None) -> None:
    """The test database is made from one that was migrated before, where this run brought its own PostgreSQL."""
    with psycopg.connect(os.environ["DATABASE_URL"]) as other:
        if other.execute(
            "SELECT 1 FROM pg_database WHERE datname = %s", [database_template.DATABASE]
        ).fetchone():
            connection.settings_dict["TEST"]["TEMPLATE"] = database_template.DATABASE


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """What a test committed goes with it, and at the end nobody is left in the test database.

    A thread that served a browser may still hold a connection.
    """
    with django_db_blocker.unblock():
        slate = CleanSlate() if CleanSlate.is_possible() else None
    with pytest.MonkeyPatch.context() as patch:
        if slate is not None:
            patch.setattr(TransactionTestCase, "_fixture_teardown", lambda test_case: slate.restore())
        yield
    name = connection.settings_dict["NAME"]
    with django_db_blocker.unblock():
        connection.close()
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as other:
        other.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name])


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    make_way(item)


@pytest.fixture(autouse=True)
def empty_queues() -> None:
    """Each test begins with an empty Valkey."""
    jobs.valkey().flushdb()


@pytest.fixture
def work(db: None) -> Callable[..., list[Any]]:
    """Call it to do what was queued so far, here and now; it returns the jobs that ran.

    Inside a test's transaction it plays the commit first, so what waits for the commit is queued.
    An exception of a job is raised here; `work(raising=False)` leaves it to the test to look.
    """

    def run(*, raising: bool = True) -> list[Any]:
        if connection.in_atomic_block:
            play_commit()
        return run_queued(raising=raising)

    return run


@pytest.fixture
def unit(db: None) -> "OrganizationalUnit":
    """A unit below the root, one for the test."""
    from accounts.tests.factories import UnitFactory

    return UnitFactory()


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    """Debian's chromium, driven by Playwright.

    Its event loop holds the main thread for as long as it is there, so it goes with the module:
    the next one may need a loop of its own.
    """
    from playwright.sync_api import sync_playwright

    program = find()
    if not program:
        pytest.fail(HOW_TO)
    with sync_playwright() as playwright:
        # Playwright's own loop runs in this thread, and Django would refuse the database beside it.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture
def new_page(browser: "Browser", live_server: Any, settings: Any) -> "Iterator[Callable[..., Page]]":
    """Open a window for each person, signed in with `user=`; errors on a page fail the test."""
    settings.PUBLIC_URL = live_server.url
    contexts, errors = [], []

    def open_page(*, user: Any = None, **options: Any) -> "Page":
        context = browser.new_context(base_url=live_server.url, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        if user is not None:
            context.add_cookies([_session_cookie(user, live_server.url)])
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert not errors, f"errors in the browser: {errors}"


@pytest.fixture
def page(new_page: "Callable[..., Page]") -> "Page":
    """A fresh browser window on the live server, not signed in."""
    return new_page()


def _session_cookie(user: Any, url: str) -> Any:
    from django.conf import settings
    from django.test import Client

    client = Client()
    client.force_login(user)
    return {
        "name": settings.SESSION_COOKIE_NAME,
        "value": client.cookies[settings.SESSION_COOKIE_NAME].value,
        "url": url,
    }
