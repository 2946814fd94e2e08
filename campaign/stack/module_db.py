"""What many tests of a module begin with is made once for all of them, in a transaction that each goes back to."""

import copy
import inspect
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, TypeVar

import pytest
from django.db import connection, transaction

NAME = "module_db"
COMMITTING = {"transactional_db", "live_server", "django_db_reset_sequences"}

# The fixture that stands now, if any, as pytest holds it.
_standing: list[tuple[Any, Any]] = []

Making = Callable[[], AbstractContextManager[None]]
Made = TypeVar("Made")


@pytest.fixture(scope="module")
def module_db(
    request: pytest.FixtureRequest, django_db_setup: None, django_db_blocker: Any
) -> Iterator[Making]:
    """For fixtures of a module's scope: `with module_db(): …` makes rows that each test finds as they were made.

    Each test changes them within a savepoint of its own, and reads its objects anew from the database: those that
    the fixture returned are the same for all. What waited for the commit is forgotten, as a wake-up that was lost.
    The module's other tests see nothing of it: they run before, or find it gone.
    """
    with django_db_blocker.unblock():
        around = transaction.atomic()
        around.__enter__()
    _standing.append((request._fixturedef, request))  # type: ignore[attr-defined]  # no public way to end it early

    @contextmanager
    def making() -> Iterator[None]:
        with django_db_blocker.unblock():
            yield
            connection.run_on_commit.clear()

    yield making
    _standing.clear()
    with django_db_blocker.unblock():
        transaction.set_rollback(True)
        around.__exit__(None, None, None)


def once(make: Callable[..., Made]) -> Callable[..., Made]:
    """A fixture of what `make` makes in the database: once for a module, and a copy of it for each of its tests.

    Each test finds rows and objects as they were made, whatever the one before did to them. `make` may ask for other
    fixtures that are made once, and for those of a module's or the session's scope.
    """
    shared = f"{make.__name__}_of_module"

    @pytest.fixture(scope="module", name=shared)
    def of_module(request: pytest.FixtureRequest, module_db: Making) -> Made:
        given = {need: _needed(request, need) for need in inspect.signature(make).parameters}
        with module_db():
            return make(**given)

    def of_test(**asked: Any) -> Made:
        return copy.deepcopy(asked[shared])

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [inspect.Parameter(name, keyword) for name in (shared, "db")]
    of_test.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # pytest reads it, a stub does not know it
    of_test.__doc__ = make.__doc__
    make.__globals__[shared] = of_module  # where pytest looks for fixtures
    return pytest.fixture(name=make.__name__)(of_test)


def _needed(request: pytest.FixtureRequest, need: str) -> Any:
    try:
        return request.getfixturevalue(f"{need}_of_module")
    except pytest.FixtureLookupError:
        return request.getfixturevalue(need)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that share what their module made run last, one module after the other.

    Raise pytest.UsageError for one that commits: another connection would see nothing of what was made.
    """
    sharing = [item for item in items if NAME in _fixtures(item)]
    for item in sharing:
        if _commits(item):
            raise pytest.UsageError(f"{item.nodeid} commits, and what `{NAME}` makes is never committed.")
    items[:] = [item for item in items if NAME not in _fixtures(item)] + sharing


def make_way(item: pytest.Item) -> None:
    """Before a test that does not ask for what its module made: it is gone, and made anew for the next that does.

    Where several processes share the tests, one may be handed over late and come between those that ask.
    """
    if NAME not in _fixtures(item):
        for definition, request in [*_standing]:
            definition.finish(request)


def _fixtures(item: pytest.Item) -> set[str]:
    return set(getattr(item, "fixturenames", ()))


def _commits(item: pytest.Item) -> bool:
    marker = item.get_closest_marker("django_db")
    return bool(_fixtures(item) & COMMITTING or (marker and marker.kwargs.get("transaction")))
