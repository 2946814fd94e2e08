"""The links of a proof show the proof and say what one is; they unsubscribe nobody and count nothing."""

import re

import pytest
from django.test import Client

from audiences.models import ConsentEvent
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from campaign.lib.tokens import Purpose, default_signer
from deliveries import drafting, proofs
from deliveries.models import ProofMessage
from deliveries.proofs import showing
from deliveries.tests.factories import DeliveryFactory, person
from feedback.models import Hit
from feedback.tests.factories import CHROME, link

pytestmark = pytest.mark.django_db

HTML = """<html><body class="a"><p>Hello {{ profile.first_name|default('reader') }}</p>
<a href="{{ mirror_url }}">In the browser</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></body></html>"""


@pytest.fixture
def reader():
    return Client(headers={"user-agent": CHROME})


def proven(delivery):
    """A copy of a proof of this delivery."""
    test = TestProfileFactory(unit=delivery.unit)
    sent = proofs.send(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), test_profiles=[test]
    )
    return ProofMessage.objects.get(proof=sent)


@pytest.mark.parametrize("made", [{}, {"finished": True}], ids=["draft", "sent"])
def test_a_proofs_mirror_page_shows_it_and_says_what_it_is(reader, made):
    delivery = DeliveryFactory(content={"html": HTML}, **made)
    copy = proven(delivery)

    response = reader.get(link(delivery, "m", seq=showing.number_of(copy)))

    page = response.content.decode()
    assert response.status_code == 200
    assert re.search(r'<body class="a"><div role="note"[^>]*>Proof 1: sent to test addresses', page)
    assert "In the browser" in page
    assert "sandbox" in response["Content-Security-Policy"]
    assert not Hit.objects.exists()


def test_each_proof_shows_the_content_that_it_was_sent_with(reader):
    delivery = DeliveryFactory(content={"html": HTML})
    first = proven(delivery)
    drafting.write(
        delivery=delivery,
        by=person("prepare", delivery.unit),
        at=clock.now(),
        html=HTML.replace("Hello", "Good day"),
        subject="s",
    )
    second = proven(delivery)

    shown = [reader.get(link(delivery, "m", seq=showing.number_of(copy))).content for copy in (first, second)]

    assert [b"Good day" in page for page in shown] == [False, True]


def test_a_link_of_a_proof_from_before_copies_had_numbers_shows_the_latest(reader):
    delivery = DeliveryFactory(content={"html": HTML})
    proven(delivery)

    assert b"Proof 1" in reader.get(link(delivery, "m", seq=0)).content


@pytest.mark.parametrize("ask", ["get", "post"])
def test_a_proofs_unsubscribe_page_says_what_it_is_and_leads_to_it(reader, ask):
    delivery = DeliveryFactory(finished=True, content={"html": HTML})
    before = ConsentEvent.objects.count()
    number = showing.number_of(proven(delivery))

    response = getattr(reader, ask)(link(delivery, "u", seq=number))

    page = response.content.decode()
    assert response.status_code == 200
    assert "This is a proof" in page
    assert "You are unsubscribed" not in page
    assert default_signer().read(re.search('/m/([^"]+)', page).group(1), Purpose.MIRROR).seq == number
    assert (ConsentEvent.objects.count(), Hit.objects.count()) == (before, 0)


def test_a_mail_program_that_unsubscribes_from_a_proof_changes_nothing(reader):
    delivery = DeliveryFactory(finished=True, content={"html": HTML})
    before = ConsentEvent.objects.count()

    response = reader.post(
        link(delivery, "u", seq=showing.number_of(proven(delivery))), {"List-Unsubscribe": "One-Click"}
    )

    assert response.status_code == 200
    assert (ConsentEvent.objects.count(), Hit.objects.count()) == (before, 0)


def test_a_copy_that_is_gone_is_no_longer_there(reader):
    delivery = DeliveryFactory(content={"html": HTML})

    assert reader.get(link(delivery, "m", seq=showing.FIRST_NUMBER + 1)).status_code == 410
