"""Request logs of real life: what readers' programs, gateways and mailboxes asked for, and whose it was."""

from datetime import datetime, timedelta

import pytest

from campaign.lib import clock
from deliveries.models import Delivery, Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import no_trigger
from feedback.hits import bringing_in, segments
from feedback.hits.arrivals import IncomingHit, read
from feedback.models import Hit, HitKind
from feedback.readers.signs import Signs
from feedback.tests.factories import CHROME

HTML = """<p><a href="https://a.example.com/">A</a> <a href="https://b.example.com/">B</a>
<a href="https://c.example.com/">C</a> <a href="{{ mirror_url }}">M</a> <a href="{{ unsubscribe_url }}">U</a></p>"""
PHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_4 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148"
GMAIL = "Mozilla/5.0 (Windows NT 5.1; rv:11.0) Gecko Firefox/11.0 (via ggpht.com GoogleImageProxy)"
YAHOO = "YahooMailProxy; https://help.yahoo.com/kb/yahoo-mail-proxy-SLN28749.html"
HOME, OFFICE, MOBILE, GATEWAY, APPLE = (
    "192.0.2.0/24", "198.51.100.0/24", "2001:db8:9::/48", "203.0.113.0/24", "17.57.8.0/24",
)  # fmt: skip
BY = {"O": HitKind.OPEN, "M": HitKind.MIRROR, "U": HitKind.UNSUBSCRIBE}

# Of each scene: seconds after acceptance, method, what (O, M, U, or the number of a link), network, agent, whose it is.
SCENES = {
    "a gateway that clicks all": [
        (1.0, "HEAD", 0, GATEWAY, CHROME, "machine"),
        (1.2, "GET", "O", GATEWAY, CHROME, "machine"),
        (1.4, "GET", 0, GATEWAY, CHROME, "machine"),
        (2.9, "GET", 1, GATEWAY, CHROME, "machine"),
        (3.3, "GET", 2, GATEWAY, CHROME, "machine"),
        (3.4, "GET", "M", GATEWAY, CHROME, "machine"),
        (3605, "GET", "O", HOME, CHROME, "human"),
        (3620, "GET", 1, HOME, CHROME, "human"),  # a second click from elsewhere
    ],
    "a second click from elsewhere while the gateway is at it": [
        (2.0, "GET", 0, GATEWAY, CHROME, "machine"),
        (2.5, "GET", 0, MOBILE, PHONE, "human"),
        (3.0, "GET", 1, GATEWAY, CHROME, "machine"),
        (4.0, "GET", 2, GATEWAY, CHROME, "machine"),
    ],
    "a gateway that follows one link when its reader does": [
        (400, "GET", 1, HOME, CHROME, "human"),
        (400.4, "HEAD", 1, GATEWAY, CHROME, "machine"),
    ],
    "a mailbox that fetches pictures at once, and again when they are read": [
        (0.8, "GET", "O", OFFICE, GMAIL, "unsure"),
        (9.9, "GET", "O", OFFICE, YAHOO, "unsure"),
        (10.1, "GET", "O", OFFICE, GMAIL, "human"),
        (7200, "GET", "O", OFFICE, YAHOO, "human"),
    ],
    "apple's privacy proxy": [
        (30, "GET", "O", APPLE, "Mozilla/5.0", "unsure"),
        (40_000, "GET", "O", MOBILE, "Mozilla/5.0", "unsure"),  # by a network of another that relays for it
        (50_000, "GET", "O", APPLE, PHONE, "unsure"),
        (50_010, "GET", 1, APPLE, PHONE, "human"),
    ],
    "a person on two devices": [
        (60, "GET", "O", HOME, PHONE, "human"),
        (65, "GET", 0, HOME, PHONE, "human"),
        (66, "GET", 1, OFFICE, CHROME, "human"),
        (67, "GET", 2, OFFICE, CHROME, "human"),
        (90_000, "GET", 0, OFFICE, CHROME, "human"),
    ],
    "a person who takes their time and follows every link": [
        (60, "GET", 0, HOME, CHROME, "human"),
        (66, "GET", 1, HOME, CHROME, "human"),
        (79, "GET", 2, HOME, CHROME, "human"),
    ],
    "a browser that fetches every link ahead": [
        (20.0, "prefetch", 0, HOME, CHROME, "unsure"),
        (20.1, "prefetch", 1, HOME, CHROME, "unsure"),
        (20.2, "prefetch", 2, HOME, CHROME, "unsure"),
        (25.0, "GET", 2, HOME, CHROME, "human"),
        (26.0, "prefetch", "M", HOME, "Mozilla/5.0 (compatible; Googlebot/2.1)", "unsure"),
    ],
    "scripts, monitors and previews": [
        (5, "GET", "O", GATEWAY, "python-requests/2.31.0", "machine"),
        (6, "GET", 1, GATEWAY, "Mozilla/5.0 (compatible; Barracuda/5.0)", "machine"),
        (7, "GET", 1, MOBILE, "WhatsApp/2.23.20.0", "machine"),
    ],
    "a mailbox that opts out for its reader": [
        (900, "POST", "U", OFFICE, "Go-http-client/2.0", "unsure"),
        (901, "POST", "U", HOME, CHROME, "human"),
    ],
}  # fmt: skip


def arrive(delivery: Delivery, seq: int, accepted: datetime, line: tuple) -> IncomingHit:
    after, method, what, network, agent, _whose = line
    signs = Signs(agent, network, "GET" if method == "prefetch" else method, method == "prefetch")
    kind, link = (BY[what], None) if what in BY else (HitKind.CLICK, what)
    return IncomingHit(
        delivery.key, seq, kind, link=link, signs=signs, at=accepted + timedelta(seconds=after)
    )


@pytest.mark.django_db
def test_whose_hits_they_were():
    """Each batch is brought in by itself: what is found out of a message later holds for what was there before."""
    delivery = DeliveryFactory(finished=True, recipients=len(SCENES), content={"html": HTML})
    accepted = clock.now() - timedelta(days=2)
    with no_trigger("keep_tallies"):
        Message.objects.filter(delivery=delivery).update(status=MessageStatus.SENT, at=accepted, code=250)
    lines = [(seq, line) for seq, scene in enumerate(SCENES.values(), 1) for line in scene]
    lines.sort(key=lambda each: each[1][0])
    expected = {}
    for start in range(0, len(lines), 7):
        for seq, line in lines[start : start + 7]:
            hit = arrive(delivery, seq, accepted, line)
            expected[hit.id] = (list(SCENES)[seq - 1], *line)
            segments.append(hit.as_line())
        bringing_in.bring_in()

    found = {hit.id: hit for hit in Hit.objects.filter(delivery=delivery)}

    assert {pk: found[pk].agent_kind for pk in expected} == {pk: line[-1] for pk, line in expected.items()}
    for pk, (_scene, after, method, _what, network, agent, _whose) in expected.items():
        hit = found[pk]
        assert (hit.network, hit.agent, hit.is_prefetch) == (network, agent, method == "prefetch")
        assert hit.after == pytest.approx(after, abs=0.001)


def test_a_line_of_the_former_kind_is_read():
    line = (
        '{"delivery_key":1,"seq":7,"kind":"click","link":3,"agent_kind":"%s","at":"2026-11-29T10:00:00+00:00",'
        '"id":"0193f1a2b3c47d5e8f90123456789abc","agent":"Mozilla/5.0 (X11)"}'
    )

    assert read(line % "human").signs == Signs("Mozilla/5.0 (X11)", "", "", False)
    assert read(line % "machine").signs == Signs("Mozilla/5.0 (X11)", "", "HEAD", False)
