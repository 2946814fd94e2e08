"""A valid link leads on whatever fails behind it, and within a moment; an opt-out is recorded, or says that it is not."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from django.db import connection
from django.test import Client

from audiences.models import Profile
from deliveries.models import Delivery, Message
from deliveries.sending.exchange import connection_parameters
from deliveries.tests.factories import DeliveryFactory
from feedback import outage
from feedback.hits import bringing_in, segments
from feedback.models import Hit
from feedback.public import link_cache
from feedback.tests.factories import CHROME, link

pytestmark = pytest.mark.django_db(transaction=True)

SOON = 4.0  # seconds; of these two are the longest that is waited for the database


@pytest.fixture
def reader():
    return Client(headers={"user-agent": CHROME})


@pytest.fixture
def delivery() -> Delivery:
    return DeliveryFactory(finished=True)


def execute(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


@contextmanager
def read_only() -> Iterator[None]:
    execute("SET default_transaction_read_only = on")
    try:
        yield
    finally:
        execute("SET default_transaction_read_only = off")


@contextmanager
def failing_with(condition: str, *, when: str = "true") -> Iterator[None]:
    """PostgreSQL itself says so, at each insert of such a hit."""
    execute(
        "CREATE FUNCTION fails_for_a_test() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{condition}'; END $$"
    )
    execute(
        f"CREATE TRIGGER fails BEFORE INSERT ON feedback_hit FOR EACH ROW WHEN ({when})"
        " EXECUTE FUNCTION fails_for_a_test()"
    )
    try:
        yield
    finally:
        execute("DROP TRIGGER fails ON feedback_hit")
        execute("DROP FUNCTION fails_for_a_test")


@contextmanager
def locked() -> Iterator[None]:
    """A migration has the table, for as long as it takes."""
    with psycopg.connect(**connection_parameters()) as other:
        other.execute("LOCK TABLE feedback_hit IN ACCESS EXCLUSIVE MODE")
        yield


@contextmanager
def a_fault_of_ours() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bringing_in.evidence, "open_among", lambda _found: 1 / 0)
        yield


class Wire:
    """A way to PostgreSQL over the network, on which everything can fall silent without a word."""

    def __init__(self, database: Path) -> None:
        self.database, self.is_silent = database, False
        self.door = socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                near, _address = self.door.accept()
                far = socket.socket(socket.AF_UNIX)
                far.connect(str(self.database))
                for ends in ((near, far), (far, near)):
                    threading.Thread(target=self._pass_on, args=ends, daemon=True).start()

    def _pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if not self.is_silent:
                    target.sendall(data)


@pytest.fixture
def wire() -> Iterator[Wire]:
    known = dict(connection.settings_dict)
    with connection.cursor() as cursor:
        cursor.execute("SHOW unix_socket_directories")
        (folder,) = cursor.fetchone()
        cursor.execute("SHOW port")
        (port,) = cursor.fetchone()
    wire = Wire(Path(folder.split(",")[0]) / f".s.PGSQL.{port}")
    connection.close()
    connection.settings_dict |= {"HOST": "127.0.0.1", "PORT": str(wire.door.getsockname()[1])}
    yield wire
    connection.close()
    wire.door.close()
    connection.settings_dict |= known


def test_a_click_leads_on_while_the_database_is_silent(reader, delivery, wire):
    reader.get(link(delivery, "u"))
    wire.is_silent = True

    first = timed(lambda: reader.get(link(delivery, "c")))
    at_once = timed(lambda: reader.get(link(delivery, "c", seq=2)), within=1)

    assert (first.status_code, at_once.status_code) == (302, 302)


BROKEN: dict[str, Callable] = {
    "read-only": read_only,
    "disk of the database full": lambda: failing_with("disk_full"),
    "out of memory": lambda: failing_with("out_of_memory"),
    "a table that a migration changed": lambda: failing_with("undefined_column"),
    "a table that is locked": locked,
    "a fault of ours": a_fault_of_ours,
}


@pytest.fixture(params=BROKEN)
def broken(request) -> Iterator[Callable]:
    with ExitStack() as stack:
        yield lambda: stack.enter_context(BROKEN[request.param]())


def timed(ask: Callable, within: float = SOON):
    began = time.monotonic()
    response = ask()
    assert time.monotonic() - began < within
    return response


def test_a_click_leads_on_whatever_keeps_it_from_being_recorded(reader, delivery, broken):
    broken()

    response = timed(lambda: reader.get(link(delivery, "c")))

    assert (response.status_code, response["Location"]) == (302, "https://www.example.com/offers?from=mail")


def test_the_pixel_and_the_mirror_page_are_shown_whatever_keeps_them_from_being_recorded(
    reader, delivery, broken
):
    broken()

    assert timed(lambda: reader.get(link(delivery, "o"))).status_code == 200
    assert timed(lambda: reader.get(link(delivery, "m"))).status_code == 200


@pytest.mark.parametrize("part", BROKEN)
def test_what_could_not_be_recorded_is_brought_in_later_once(reader, delivery, part):
    with BROKEN[part](), suppress(outage.Away):
        reader.get(link(delivery, "c"))
        bringing_in.bring_in()
    outage.forget()

    first, second = bringing_in.bring_in(), bringing_in.bring_in()

    assert (first, second) == (1, 0)
    assert Hit.objects.count() == 1


def test_where_neither_database_nor_disk_takes_it_a_click_leads_on(reader, delivery, database, own_folder):
    reader.get(link(delivery, "u"))
    take_the_disk_away(own_folder)
    database.goes_away()

    assert timed(lambda: reader.get(link(delivery, "c"))).status_code == 302
    assert timed(lambda: reader.get(link(delivery, "o"))).status_code == 200


def take_the_disk_away(folder) -> None:
    """No folder can be made where a file stands."""
    if folder.exists():
        folder.rename(folder.with_name("before"))
    folder.write_text("")


@pytest.mark.parametrize("post", [{}, {"List-Unsubscribe": "One-Click"}])
def test_where_neither_takes_it_an_opt_out_says_that_it_failed(reader, delivery, database, own_folder, post):
    reader.get(link(delivery, "u"))
    take_the_disk_away(own_folder)
    database.goes_away()

    response = reader.post(link(delivery, "u"), post)

    assert response.status_code == 503
    assert response["Retry-After"]
    assert "Nothing was changed" in response.content.decode()


def test_an_opt_out_that_the_database_refuses_takes_effect_later(reader, delivery, broken):
    broken()

    response = timed(lambda: reader.post(link(delivery, "u")))

    assert response.status_code == 200
    assert "undo" not in response.content.decode()
    assert segments.waiting().number == 1


def test_one_hit_that_can_t_be_stored_holds_up_no_other(reader, delivery):
    for seq in (1, 2, 3):
        reader.get(link(delivery, "o", seq=seq))

    with failing_with("check_violation", when="NEW.seq = 2"):
        assert bringing_in.bring_in() == 2
        assert bringing_in.bring_in(held=False) == 0

    assert bringing_in.bring_in() == 1
    assert sorted(Hit.objects.values_list("seq", flat=True)) == [1, 2, 3]


def test_without_valkey_a_click_leads_on(reader, delivery, settings):
    settings.RQ_QUEUES = {name: {"URL": "redis://127.0.0.1:1/0"} for name in settings.RQ_QUEUES}

    assert timed(lambda: reader.get(link(delivery, "c"))).status_code == 302
    assert bringing_in.bring_in() == Hit.objects.count() == 1


def test_a_reader_who_is_signed_in_sees_the_friendly_page_while_the_database_is_away(delivery, database):
    from deliveries.tests.factories import person

    signed_in = Client()
    signed_in.force_login(person("start", delivery.unit))
    database.goes_away()

    assert signed_in.get(link(delivery, "c")).status_code == 503
    assert signed_in.get("/c/nonsense").status_code == 404


def test_of_many_readers_one_asks_again_whether_the_database_is_back(delivery, database, monkeypatch):
    database.goes_away()
    with pytest.raises(outage.Away):
        link_cache.delivery_for(delivery.key)
    monkeypatch.setitem(outage._away_until, "reading", time.monotonic() - 1)

    with outage.reach(), pytest.raises(outage.Away), outage.reach():
        pytest.fail("a second one asked too")


def test_an_opt_out_of_the_spool_takes_effect_though_its_first_try_failed(reader, delivery):
    with failing_with("disk_full"):
        reader.post(link(delivery, "u"), {"List-Unsubscribe": "One-Click"})
    bringing_in.bring_in()

    assert Profile.objects.get(pk=Message.objects.get(delivery=delivery, seq=1).profile_id).no_email
