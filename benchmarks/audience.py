"""People and a newsletter to measure with, made in the database of a temporary stack."""

from django.conf import settings
from django.db import connection

from accounts import access
from accounts.models import Role, User
from accounts.roles import root
from audiences.models import Audience
from campaign.lib import clock
from deliveries import drafting
from deliveries.approval import decisions as approval
from deliveries.confirmation import decisions as confirmation
from deliveries.ledger import ranges
from deliveries.models import Delivery, ScheduleKind
from deliveries.preparation import verbs as preparation

PARAGRAPH = (
    "The harvest came in late this year, and the cup is rounder for it: cocoa, ripe plum, a long finish. "
)
LINKS = 5
BYTES = 8_000


def people(number: int, *, beyond: int = 0) -> None:
    """So many profiles with good addresses, by one statement; `beyond`: so many are there already."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            INSERT INTO audiences_profile (external_id, unit_id, email, email_key, email_state, phone, first_name,
                last_name, language, country, city, time_zone, no_email, no_sms, no_contact, attributes,
                created_at, changed_at)
            SELECT 'B' || n, %s, 'p' || n || '@example.com', 'p' || n || '@example.com', 'good', '', 'Ana ' || n,
                'Souza', 'pt-br', 'BR', 'Recife', 'America/Recife', false, false, false, '{}', now(), now()
            FROM generate_series(%s + 1, %s) n
            """,
            [root().pk, beyond, number],
        )
        cursor.execute("ANALYZE audiences_profile")


def html(more: str = "") -> str:
    """About 8 KB of HTML with five links to track, and `more`."""
    links = "".join(
        f'<p><a href="https://www.example.com/{n}?from=mail">See offer {n}</a></p>' for n in range(LINKS)
    )
    foot = (
        '<p><a href="{{ mirror_url }}">In the browser</a> <a href="{{ unsubscribe_url }}">Unsubscribe</a></p>'
    )
    head = "<html><body><p>Hello {{ profile.first_name }} of {{ profile.city }},</p>"
    filling = "".join(f"<p>{PARAGRAPH}</p>" for _ in range((BYTES - 1_500) // len(PARAGRAPH)))
    return f"{head}{filling}{links}{more}{foot}</body></html>"


def ready_delivery(label: str = "Benchmark", *, more: str = "") -> Delivery:
    """A delivery to everybody, prepared and approved through the verbs; `more` stands in its page."""
    by = person()
    unit = root()
    audience, _made = Audience.objects.get_or_create(
        label="Everybody", unit=unit, defaults={"rule": {"all": []}}
    )
    delivery = drafting.create(
        by=by, unit=unit, label=label, audience=audience, schedule_kind=ScheduleKind.AT_ONCE
    )
    drafting.write(
        delivery=delivery, by=by, at=clock.now(), subject="News for {{ profile.first_name }}",
        from_name="Serra Alta", from_address="news@serra-alta.example.com", html=html(more),
        text="Hello {{ profile.first_name }}. https://www.example.com/0 {{ unsubscribe_url }}",
    )  # fmt: skip
    run = preparation.start(delivery=delivery, by=by, at=clock.now())
    preparation.run(preparation_id=run.pk)
    delivery.refresh_from_db()
    approval.approve(delivery=delivery, seal=delivery.seal, by=by, at=clock.now())
    delivery.refresh_from_db()
    return delivery


now = clock.now


def message() -> bytes:
    """One message of the newsletter, as it would leave: what the rivals send."""
    from deliveries.content.message import render
    from deliveries.rendering import sealed_renderer

    delivery = ready_delivery("Sample")
    row = delivery.messages.first()
    assert row is not None
    encoding: render.Encoding = "8bit"
    return sealed_renderer(delivery).message(
        seq=row.seq, address=row.address, values=row.values, date=now(), encoding=encoding
    )


def confirm(delivery: Delivery) -> None:
    confirmation.confirm(
        delivery=delivery,
        seal=delivery.seal,
        by=person(),
        at=clock.now(),
        typed=delivery.preparation.to_deliver,
    )


def person() -> User:
    """Somebody who may do everything that a delivery needs."""
    user, made = User.objects.get_or_create(username="bench")
    if made:
        for code in ("prepare", "approve", "start"):
            access.grant(user=user, role=Role.objects.get(pk=code), unit=root(), by=None)
    return user


def make_room(first: int, last: int) -> None:
    """Rows of the deliveries with these ids have where to lie, whoever writes them."""
    size = settings.SINETE["partition_deliveries"]
    for delivery_id in [*range(first, last, size), last]:
        ranges.ensure(delivery_id)
