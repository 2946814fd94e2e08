"""People who open the demo's newsletter and click in it: real requests to the addresses that it carries."""

import random
from datetime import timedelta

from django.test import Client

from campaign.lib import clock
from campaign.lib.tokens import Purpose, default_signer
from deliveries.models import Delivery, Message, MessageStatus

OPEN_RATE, CLICK_RATE, UNSUBSCRIBE_RATE = 0.42, 0.24, 0.012  # clicks and opt-outs of those who open
AFTER = (0.3, 0.8, 2, 5, 9, 22, 30, 47, 76, 120)  # hours after the send: the long tail
BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
)


def come(delivery: Delivery, *, sent_ago: timedelta) -> int:
    """Some of those who got it open it in the days after; some of them click, a few opt out. How many opened."""
    dice = random.Random(delivery.pk)
    links = max(1, len(delivery.latest_preparation().compiled.get("links", [])) - 2)
    got_it = list(
        Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).values_list("seq", flat=True)
    )
    openers = dice.sample(got_it, int(len(got_it) * OPEN_RATE))
    groups: list[list[int]] = [[] for _ in AFTER]
    for seq in openers:
        groups[min(int(dice.expovariate(0.45)), len(AFTER) - 1)].append(seq)
    for hours, group in zip(AFTER, groups, strict=True):
        clock.set_offset(-(sent_ago - timedelta(hours=hours)))
        for seq in group:
            _visit(delivery, seq, links=links, dice=dice)
    return len(openers)


def _visit(delivery: Delivery, seq: int, *, links: int, dice: random.Random) -> None:
    signer = default_signer()
    browser = Client(headers={"user-agent": dice.choice(BROWSERS)}, raise_request_exception=False)
    browser.get(f"/o/{signer.sign(Purpose.OPEN, delivery.key, seq)}.gif")
    if dice.random() < CLICK_RATE:
        link = min(int(dice.expovariate(0.6)), links - 1)
        browser.get(f"/c/{signer.sign(Purpose.CLICK, delivery.key, seq, link)}")
    if dice.random() < UNSUBSCRIBE_RATE:
        browser.post(f"/u/{signer.sign(Purpose.UNSUBSCRIBE, delivery.key, seq)}")
