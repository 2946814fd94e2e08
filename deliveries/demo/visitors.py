"""People who open the demo's newsletter and click in it: real requests to the addresses that it carries."""

import random
from datetime import timedelta
from io import StringIO

from django.core.management import call_command
from django.db import transaction
from django.test import Client

from campaign.lib import clock
from campaign.lib.tokens import Purpose, default_signer
from deliveries.models import Delivery, Message, MessageStatus

OPEN_RATE, CLICK_RATE, UNSUBSCRIBE_RATE = 0.42, 0.24, 0.012  # clicks and opt-outs of those who open
AFTER = (0.3, 0.8, 2, 5, 9, 22, 30, 47, 76, 120)  # hours after the send; a few come late
BROWSERS = (
    "Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Safari/537.36",
    "Mozilla/5.0 (Linux; Android 14; Pixel 8) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/126.0 Mobile Safari/537.36",
)


def come(delivery: Delivery, *, sent_ago: timedelta) -> int:
    """Let some recipients open the delivery, some of those click and a few opt out; return how many opened."""
    dice = random.Random(delivery.pk)
    tracked = [
        link["index"] for link in delivery.latest_preparation().compiled["links"] if link["kind"] == "tracked"
    ]
    got_it = list(
        Message.objects.filter(delivery=delivery, status=MessageStatus.SENT).values_list("seq", flat=True)
    )
    openers = dice.sample(got_it, int(len(got_it) * OPEN_RATE))
    groups: list[list[int]] = [[] for _ in AFTER]
    for seq in openers:
        groups[min(int(dice.expovariate(0.45)), len(AFTER) - 1)].append(seq)
    browser = Client(raise_request_exception=False)
    for hours, group in zip(AFTER, groups, strict=True):
        clock.set_offset(-(sent_ago - timedelta(hours=hours)))
        # One commit for all who come in an hour: a demo need not survive a power cut in between.
        with transaction.atomic():
            for seq in group:
                _visit(browser, delivery, seq, links=tracked, dice=dice)
        # What waits on disk has the moment of this machine, and the clock of the story as it stands when it comes in.
        call_command("drain_spool", stdout=StringIO())
    return len(openers)


def _visit(browser: Client, delivery: Delivery, seq: int, *, links: list[int], dice: random.Random) -> None:
    signer, agent = default_signer(), {"user-agent": dice.choice(BROWSERS)}
    browser.get(f"/o/{signer.sign(Purpose.OPEN, delivery.key, seq)}.gif", headers=agent)
    if links and dice.random() < CLICK_RATE:
        link = links[min(int(dice.expovariate(0.6)), len(links) - 1)]
        browser.get(f"/c/{signer.sign(Purpose.CLICK, delivery.key, seq, link)}", headers=agent)
    if dice.random() < UNSUBSCRIBE_RATE:
        browser.post(f"/u/{signer.sign(Purpose.UNSUBSCRIBE, delivery.key, seq)}", headers=agent)
