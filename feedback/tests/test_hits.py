import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from audiences.models import Profile
from deliveries.models import Message
from deliveries.tests.factories import DeliveryFactory
from feedback.hits import bringing_in, segments, storing
from feedback.hits.arrivals import IncomingHit
from feedback.models import Hit, HitKind
from feedback.public import link_cache
from feedback.tests.factories import CHROME, link


@pytest.fixture
def reader():
    return Client(headers={"user-agent": CHROME})


def a_served_delivery(reader):
    """One whose links were asked for before, so that this machine knows them; then a fresh process."""
    delivery = DeliveryFactory(finished=True)
    reader.get(link(delivery, "u", seq=3))
    link_cache.forget()
    return delivery


def test_links_work_while_the_database_is_away(reader, database):
    delivery = a_served_delivery(reader)
    database.goes_away()

    opened = reader.get(link(delivery, "o"))
    clicked = reader.get(link(delivery, "c"))

    assert opened.status_code == 200
    assert (clicked.status_code, clicked["Location"]) == (302, "https://www.example.com/offers?from=mail")


def test_hits_wait_and_are_brought_in_once(reader, database):
    delivery = a_served_delivery(reader)
    database.goes_away()
    reader.get(link(delivery, "o"))
    reader.get(link(delivery, "c"))
    database.comes_back()

    first, second = bringing_in.bring_in(), bringing_in.bring_in()

    assert (first, second) == (2, 0)
    assert set(Hit.objects.filter(seq=1).values_list("kind", flat=True)) == {HitKind.OPEN, HitKind.CLICK}


def test_a_file_of_the_spool_that_is_read_twice_counts_once(reader, database, own_folder):
    delivery = a_served_delivery(reader)
    database.goes_away()
    reader.get(link(delivery, "o"))
    (segment,) = (own_folder / "spool").glob("*.jsonl")
    copy = segment.read_bytes()
    database.comes_back()
    bringing_in.bring_in()
    (own_folder / "spool" / "taken-again.jsonl").write_bytes(copy + b'{"torn')

    bringing_in.bring_in()

    assert Hit.objects.filter(seq=1).count() == 1


def test_an_opt_out_is_not_lost_while_the_database_is_away(reader, database):
    delivery = a_served_delivery(reader)
    database.goes_away()

    response = reader.post(link(delivery, "u"), {"List-Unsubscribe": "One-Click"})

    database.comes_back()
    assert response.status_code == 200
    call_command("drain_spool")
    assert Profile.objects.get(pk=Message.objects.get(delivery=delivery, seq=1).profile_id).no_email


def test_the_page_to_opt_out_stands_while_the_database_is_away(reader, database):
    delivery = a_served_delivery(reader)
    database.goes_away()

    assert reader.get(link(delivery, "u")).status_code == 200
    assert reader.post(link(delivery, "u")).status_code == 200
    assert reader.post(link(delivery, "u"), {"action": "undo"}).status_code == 503
    assert reader.get(link(delivery, "m")).status_code == 503


def test_what_waits_is_kept_while_the_database_stays_away(reader, database, own_folder):
    delivery = a_served_delivery(reader)
    database.goes_away()
    reader.get(link(delivery, "o"))
    link_cache.forget()

    with pytest.raises(CommandError):
        call_command("drain_spool")

    database.comes_back()
    assert bringing_in.bring_in() == 1


def test_a_delivery_that_nobody_asked_for_before_is_for_later(reader, database):
    delivery = DeliveryFactory(finished=True)
    database.goes_away()

    response = reader.get(link(delivery, "c"))

    assert response.status_code == 503


@pytest.mark.django_db
def test_a_hit_on_a_proof_is_let_go():
    delivery = DeliveryFactory(finished=True)

    storing.store(IncomingHit(delivery.key, 0, HitKind.OPEN))

    assert not segments.is_anything_waiting()
    assert not Hit.objects.exists()
