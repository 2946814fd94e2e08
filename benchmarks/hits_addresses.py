"""What the benchmark and the drill of opens and clicks ask for: the signed addresses of a sent delivery."""

import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

PATIENCE = 120.0  # seconds
PERSONAL = (
    '<p><a href="https://www.example.com/mine?name={{ profile.first_name }}"'
    ' data-substitute="https://www.example.com/all">Mine, {{ profile.city }}</a></p>'
)
PRODUCTION: dict[str, Any] = {
    "DEBUG": "0",
    "SINETE_WEB": "1",
    "SECRET_KEY": "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ",
    "ALLOWED_HOSTS": "news.example.com",
    "PUBLIC_URL": "https://news.example.com",
    "BEHIND_PROXY": "1",
    "LOG_LEVEL": "WARNING",
    "DJANGO_SETTINGS_MODULE": "benchmarks.hits_settings",
}
TOKEN_KEYS = f"1={'ab' * 32}"
KINDS = {
    "opens": "open",
    "clicks": "click",
    "personalised": "click",
    "mirrors": "mirror",
    "opt_outs": "unsubscribe",
}
Hit = tuple[str, int, int | None]  # kind, number of the message, link


def sent_delivery(messages: int) -> Any:
    """A delivery whose messages count as sent: what a message needs for its links to be served."""
    from django.db import connection

    from benchmarks import audience

    audience.people(messages)
    delivery = audience.ready_delivery("Hits", more=PERSONAL)
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("UPDATE deliveries_delivery SET status = 'finished' WHERE id = %s", [delivery.pk])
        cursor.execute("SET session_replication_role = DEFAULT")
        cursor.execute("ANALYZE deliveries_message")
    connection.close()
    return delivery


def addresses_of(name: str, delivery: Any, messages: int) -> Iterator[tuple[str, Hit | None]]:
    """Each address of that sort once, as a line for wrk and as the hit that it makes."""
    from campaign.lib.tokens import Purpose, default_signer

    sign = default_signer().sign
    if name == "bare":
        yield from (("GET /b/" + sign(Purpose.OPEN, delivery.key, 1), None) for _again in cycle([0]))
    links = [link for link in delivery.preparation.compiled["links"] if link["kind"] == "tracked"]
    personal = [link["index"] for link in links if "profile" in link["template"]]
    numbers: dict[str, list[int]] = {
        "clicks": [link["index"] for link in links if link["index"] not in personal],
        "personalised": personal,
    }
    purpose, form = {
        "opens": (Purpose.OPEN, "GET /o/{}.gif"),
        "clicks": (Purpose.CLICK, "GET /c/{}"),
        "personalised": (Purpose.CLICK, "GET /c/{}"),
        "mirrors": (Purpose.MIRROR, "GET /m/{}"),
        "opt_outs": (Purpose.UNSUBSCRIBE, "POST /u/{} List-Unsubscribe=One-Click"),
    }[name]
    for link in numbers.get(name, [0]):
        for seq in range(1, messages + 1):
            token = sign(purpose, delivery.key, seq, link)
            yield form.format(token), (KINDS[name], seq, link if purpose == Purpose.CLICK else None)


def until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > deadline:
            raise SystemExit(f"waited in vain until {what}")
        time.sleep(0.1)


def rows_of(delivery: Any) -> tuple[list[Any], list[Hit]]:
    """Once nothing waits any more: the ids of what has a row, and what each row is."""
    from django.db import connection

    from feedback.hits import segments
    from feedback.models import Hit as Row

    until(lambda: not segments.is_anything_waiting(), "everything is brought in")
    connection.close()
    rows = list(Row.objects.filter(delivery=delivery).values_list("id", "kind", "seq", "link"))
    return [row[0] for row in rows], [row[1:] for row in rows]
