"""What a personalised click reads over connections that stand, as in the web process."""

import os
import time
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from django.db import connection
from django.test import Client

from campaign.lib import standing
from campaign.stack.pgbouncer import HOW_TO, find, pgbouncer
from deliveries.models import Message
from deliveries.sending.exchange import connection_parameters
from deliveries.tests.factories import DeliveryFactory
from feedback import outage
from feedback.public import message_values
from feedback.tests.factories import CHROME, link

pytestmark = pytest.mark.django_db(transaction=True)

HTML = """<html><body><a href="https://shop.example.com/offers?for={{ profile.first_name|urlencode }}">Offers</a>
<a href="{{ unsubscribe_url }}">Unsubscribe</a></body></html>"""


@pytest.fixture(autouse=True)
def in_the_web_process(settings):
    settings.IS_WEB = True
    outage.forget()
    yield
    message_values.lines.close()
    outage.forget()


@pytest.fixture
def reader():
    return Client(headers={"user-agent": CHROME})


@pytest.fixture
def delivery():
    return DeliveryFactory(finished=True, content={"html": HTML})


def expected(delivery, seq=1):
    name = Message.objects.get(delivery=delivery, seq=seq).values["first_name"]
    return f"https://shop.example.com/offers?for={name.replace(' ', '%20')}"


def personal(delivery, seq=1):
    links = delivery.preparation.compiled["links"]
    (index,) = (one["index"] for one in links if "profile" in one["template"])
    return link(delivery, "c", seq=seq, index=index)


def process_of_the_line():
    with message_values.lines.lent() as line:
        return line.connection.info.backend_pid if line.connection else None


def test_clicks_after_one_another_are_read_over_one_connection(reader, delivery):
    first = reader.get(personal(delivery))
    process = process_of_the_line()
    second = reader.get(personal(delivery, seq=2))

    assert (first["Location"], second["Location"]) == (expected(delivery), expected(delivery, seq=2))
    assert process_of_the_line() == process is not None


def test_a_click_on_such_a_link_asks_nothing_of_django_s_own_connection(
    reader, delivery, django_assert_num_queries
):
    reader.get(personal(delivery))

    with django_assert_num_queries(0):
        assert reader.get(personal(delivery)).status_code == 302


def test_callers_at_once_have_a_line_each():
    with message_values.lines.lent() as one, message_values.lines.lent() as other:
        assert one is not other


def test_a_connection_that_died_meanwhile_is_made_anew(reader, delivery):
    reader.get(personal(delivery))
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [process_of_the_line()])

    response = reader.get(personal(delivery))

    assert (response.status_code, response["Location"]) == (302, expected(delivery))


def test_a_connection_is_given_up_after_a_while(reader, delivery, monkeypatch):
    monkeypatch.setattr(standing, "SECONDS_KEPT", 0.0)
    reader.get(personal(delivery))
    process = process_of_the_line()

    reader.get(personal(delivery))

    assert process_of_the_line() != process


def test_no_reader_waits_long_for_a_table_that_is_locked(reader, delivery):
    reader.get(personal(delivery))
    began = time.monotonic()

    with psycopg.connect(**connection_parameters()) as other:
        other.execute("LOCK TABLE deliveries_message IN ACCESS EXCLUSIVE MODE")
        response = reader.get(personal(delivery))

    assert response.status_code == 503
    assert time.monotonic() - began < 4
    outage.forget()
    assert reader.get(personal(delivery)).status_code == 302


def test_where_the_database_is_gone_it_is_away(delivery, monkeypatch):
    monkeypatch.setitem(connection.settings_dict, "HOST", "127.0.0.1")
    monkeypatch.setitem(connection.settings_dict, "PORT", "1")

    with pytest.raises(outage.Away):
        message_values.values_of(delivery.pk, 1)


def test_a_message_that_is_gone_has_no_values(delivery):
    assert message_values.values_of(delivery.pk, 99) is None


@pytest.fixture
def pooler(monkeypatch):
    """New connections lead through PgBouncer, whose one session is everybody's."""
    if find() is None:
        if os.environ.get("SINETE_NO_SKIPS"):
            pytest.fail(HOW_TO)
        pytest.skip(HOW_TO)
    with connection.cursor() as cursor:
        cursor.execute("SELECT current_setting('data_directory')")
        (folder,) = cursor.fetchone()
    server = urlsplit(os.environ["DATABASE_URL"]).netloc.rpartition("@")[2]
    url = f"postgresql://postgres@{server}/{connection.settings_dict['NAME']}"
    with pgbouncer(url, data=Path(folder), size=1) as through:
        leads = urlsplit(through)
        for name, value in {"HOST": leads.hostname, "PORT": str(leads.port), "USER": leads.username}.items():
            monkeypatch.setitem(connection.settings_dict, name, value)
        yield
        message_values.lines.close()


def test_behind_a_pooler_nothing_is_left_in_its_sessions(reader, delivery, pooler):
    for seq in (1, 2, 1, 2, 1, 2):
        assert reader.get(personal(delivery, seq))["Location"] == expected(delivery, seq)

    with message_values.lines.lent() as line:
        left = line.connection.execute(
            "SELECT count(*) FROM pg_prepared_statements", prepare=False
        ).fetchone()
    assert left == (0,)
