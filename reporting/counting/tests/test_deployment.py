from datetime import timedelta

import pytest

from campaign.lib import clock
from deliveries.routing import routes
from deliveries.tests.factories import DeliveryFactory
from reporting.counting import deployment

pytestmark = pytest.mark.django_db


def test_the_block_says_why_nothing_leaves_while_the_relay_turns_us_away():
    delivery = DeliveryFactory(sending=True)
    at = clock.now()
    routes.open_breaker(routes.default_route().pk, because="530 5.7.0 Authentication required", at=at)

    block = deployment.block(delivery, at=at)

    assert block.state.words == "Sending waits for the relay"
    assert "530 5.7.0 Authentication required" in block.state.sentence
    assert block.state.tone == "yellow"


def test_once_the_rest_is_over_it_says_sending_again():
    delivery = DeliveryFactory(sending=True)
    at = clock.now()
    routes.open_breaker(routes.default_route().pk, because="421 Busy", at=at)

    block = deployment.block(delivery, at=at + timedelta(hours=1))

    assert block.state.words == "Sending"
