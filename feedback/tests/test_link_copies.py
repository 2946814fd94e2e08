"""Every web host knows where links lead before it is asked, and leads nobody elsewhere."""

from datetime import timedelta

import pytest
from django.test import Client

from campaign.lib import clock
from deliveries.lifecycle import groups
from deliveries.models import Delivery, Message
from deliveries.sending import gate
from deliveries.tests.factories import DeliveryFactory
from feedback.hits import bringing_in, segments
from feedback.models import Hit
from feedback.public import link_cache
from feedback.tests.factories import CHROME, link
from feedback.watching import Watch

PERSONAL = (
    '<p><a href="https://shop.example.com/all">All</a>'
    ' <a href="https://shop.example.com/for?name={{ profile.first_name }}">Yours</a>'
    ' <a href="https://shop.example.com/of?name={{ profile.first_name }}"'
    ' data-substitute="https://shop.example.com/instead">Else</a>'
    ' <a href="{{ unsubscribe_url }}">No more</a></p>'
)


@pytest.fixture
def reader():
    return Client(headers={"user-agent": CHROME})


@pytest.mark.parametrize("state", ["scheduled", "sending", "finished"])
def test_a_host_that_nobody_asked_before_leads_on_while_the_database_is_away(reader, database, state):
    delivery = DeliveryFactory(**{state: True})
    Watch().look()
    database.goes_away()

    response = reader.get(link(delivery, "c"))

    assert (response.status_code, response["Location"]) == (302, "https://www.example.com/offers?from=mail")
    database.comes_back()


def test_a_copy_of_what_was_released_gives_way_once_messages_leave(transactional_db):
    delivery = DeliveryFactory(scheduled=True)
    watch = Watch()
    watch.look()
    before = copies()

    gate.begin(delivery.pk)
    watch.look()

    assert before == [link_cache._path_of_released(delivery.key)]
    assert copies() == [link_cache._path(delivery.key)]


def copies():
    return list(link_cache._path(0).parent.iterdir())


def test_many_copies_are_made_some_at_a_time(transactional_db):
    for _number in range(3):
        DeliveryFactory(finished=True)
    released: dict[int, int] = {}

    looks = [link_cache.keep_copies(released, statuses=groups.FIXED, most=2) for _look in range(2)]

    assert looks == [False, True]
    assert len(copies()) == 3


def test_a_personalised_link_waits_for_the_database_and_the_others_do_not(reader, database):
    delivery = DeliveryFactory(finished=True, content={"html": PERSONAL})
    plain, personal, with_substitute = (link(delivery, "c", index=index) for index in (0, 1, 2))
    before = reader.get(personal)["Location"]
    database.goes_away()

    waits, leads, instead = reader.get(personal), reader.get(plain), reader.get(with_substitute)

    database.comes_back()
    assert (instead.status_code, instead["Location"]) == (302, "https://shop.example.com/instead")
    assert reader.get(with_substitute)["Location"].startswith("https://shop.example.com/of?name=")
    assert (waits.status_code, waits["Retry-After"]) == (503, "60")
    assert (leads.status_code, leads["Location"]) == (302, "https://shop.example.com/all")
    assert reader.get(personal)["Location"] == before
    assert bringing_in.bring_in() == 5
    # Ids of one millisecond have no order.
    assert sorted(Hit.objects.values_list("link", flat=True)) == [0, 1, 1, 2, 2]


def test_a_personalised_link_of_a_message_that_is_gone_leads_nowhere(reader, transactional_db):
    delivery = DeliveryFactory(finished=True, content={"html": PERSONAL})
    gone = Message.objects.filter(delivery=delivery).count() + 1

    assert reader.get(link(delivery, "c", seq=gone, index=1)).status_code == 410
    assert not segments.is_anything_waiting()
    instead = reader.get(link(delivery, "c", seq=gone, index=2))
    assert (instead.status_code, instead["Location"]) == (302, "https://shop.example.com/instead")


def test_links_that_are_over_lead_to_their_substitute_or_to_a_page_that_says_so(
    reader, transactional_db, settings
):
    delivery = DeliveryFactory(finished=True, content={"html": PERSONAL})
    Delivery.objects.filter(pk=delivery.pk).update(started_at=clock.now() - timedelta(days=8))
    settings.SINETE = settings.SINETE | {"link_days": 9}
    valid = [reader.get(link(delivery, "c", index=index)).status_code for index in (0, 1, 2)]
    settings.SINETE = settings.SINETE | {"link_days": 7}

    plain, personal, instead = (reader.get(link(delivery, "c", index=index)) for index in (0, 1, 2))
    in_portuguese = reader.get(link(delivery, "c"), headers={"accept-language": "pt-br"})

    assert valid == [302, 302, 302]
    assert (plain.status_code, personal.status_code) == (410, 410)
    assert "no longer valid" in plain.content.decode()
    assert "não é mais válido" in in_portuguese.content.decode()
    assert (instead.status_code, instead["Location"]) == (302, "https://shop.example.com/instead")
    assert [reader.get(link(delivery, letter)).status_code for letter in "ou"] == [200, 200]


def test_a_copy_that_is_damaged_is_made_anew(reader, transactional_db):
    delivery = DeliveryFactory(finished=True)
    reader.get(link(delivery, "c"))
    link_cache._path(delivery.key).write_text('{"delivery_id": 1, "compiled": {')
    link_cache.forget()

    assert reader.get(link(delivery, "c")).status_code == 302


def test_copies_of_deliveries_that_are_gone_are_gone_too(reader, transactional_db):
    delivery = DeliveryFactory(finished=True)
    reader.get(link(delivery, "c"))
    stray = link_cache._path(7)
    stray.write_text("{}")

    link_cache.sweep()

    assert copies() == [link_cache._path(delivery.key)]
