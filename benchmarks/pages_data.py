"""A house at size, laid in the database by a few statements: people, a large delivery with its hits."""

from typing import Any

from django.db import connection, transaction

from accounts import access
from accounts.models import OrganizationalUnit, Role, User
from accounts.roles import SHIPPED, root
from accounts.units.units import create_unit
from audiences import search_texts
from audiences.models import Audience, Profile
from benchmarks import audience
from deliveries import drafting
from deliveries.ledger import recounting
from deliveries.models import Delivery, ScheduleKind
from reporting.counting import statistics

AT_SIZE = "News at size"  # the large delivery's label
_PEOPLE = """
    INSERT INTO audiences_profile (external_id, unit_id, email, email_key, email_state, phone, first_name,
        last_name, language, country, city, time_zone, no_email, no_sms, no_contact, attributes, created_at, changed_at)
    SELECT 'B' || n, CASE WHEN n % 10 < 7 THEN %(own)s ELSE %(beside)s END, 'p' || n || '@example.com',
        'p' || n || '@example.com', 'good', '+5581' || n, (ARRAY['Ana', 'Bruno', 'Carla', 'Rui', 'Iara'])[1 + n % 5],
        (ARRAY['Souza', 'Reis', 'Melo', 'Nunes'])[1 + n / 5 % 4] || ' ' || n, 'pt-br', 'BR',
        (ARRAY['Recife', 'Olinda', 'Natal'])[1 + n % 3], 'America/Recife', n % 97 = 0, false, false, '{}', now(), now()
    FROM generate_series(%(first)s, %(last)s) n
"""
_MESSAGES = """
    INSERT INTO deliveries_message (delivery_id, seq, profile_id, address, address_key, "values", status, tries, at,
        code, nature, reason, reply, salt, digest)
    SELECT m.delivery_id, g, p.id, p.email, p.email_key, m."values", s, 1, now() - g * interval '1 ms',
        CASE WHEN s IN (2, 7) THEN 550 ELSE 250 END, CASE WHEN s IN (2, 7) THEN 'hard' ELSE '' END,
        CASE WHEN s IN (2, 7) THEN 'user_unknown' ELSE '' END,
        CASE WHEN s IN (2, 7) THEN '5.1.1 <' || p.email || '>: no such user' ELSE '2.0.0 Ok' END, m.salt, m.digest
    FROM deliveries_message m CROSS JOIN generate_series(%(from)s, %(messages)s) g
    JOIN audiences_profile p ON p.id = %(first_profile)s + g %% %(profiles)s,
    LATERAL (SELECT CASE WHEN g %% 100 = 0 THEN 2 WHEN g %% 200 = 1 THEN 7 WHEN g %% 5000 = 2 THEN 4
        WHEN g %% 5000 = 3 THEN 3 ELSE 1 END AS s) l
    WHERE m.delivery_id = %(delivery)s AND m.seq = 1
"""
_BESIDE = (
    """
    INSERT INTO deliveries_bounce (delivery_id, seq, at, nature, reason, status, text, was, was_nature, was_reason)
    SELECT delivery_id, seq, now(), 'hard', 'user_unknown', '5.1.1', '550 no such user', 1, '', ''
    FROM deliveries_message
    WHERE delivery_id = %(delivery)s AND status = 7
    """,
    """
    INSERT INTO deliveries_doubt (delivery_id, seq, since, token, tries)
    SELECT delivery_id, seq, now(), 1, 1 FROM deliveries_message WHERE delivery_id = %(delivery)s AND status = 4
    """,
    """
    INSERT INTO deliveries_try (delivery_id, seq, due_at, tries)
    SELECT delivery_id, seq, now() + interval '1 day', 1 FROM deliveries_message
    WHERE delivery_id = %(delivery)s AND status = 3
    """,
    """
    INSERT INTO deliveries_exclusion (delivery_id, preparation_id, profile_id, address, cause)
    SELECT d.id, d.preparation_id, p.id, p.email, CASE WHEN p.id %% 50 = 0 THEN 'quarantined' ELSE 'opted_out' END
    FROM deliveries_delivery d, audiences_profile p WHERE d.id = %(delivery)s AND p.id %% 10 = 0
    """,
)
_HITS = """
    INSERT INTO feedback_hit (delivery_id, id, seq, kind, link, at, agent, agent_kind, after)
    SELECT %(delivery)s, gen_random_uuid(), 1 + g %% %(messages)s,
        CASE WHEN g %% 7 < 4 THEN 'open' WHEN g %% 7 < 6 THEN 'click' ELSE 'mirror' END,
        CASE WHEN g %% 7 IN (4, 5) THEN g %% 5 END, now() - (g %% 2000) * interval '1 minute', 'Mozilla/5.0',
        CASE g %% 5 WHEN 0 THEN 'machine' WHEN 1 THEN 'unsure' ELSE 'human' END, g %% 90000
    FROM generate_series(0, %(hits)s - 1) g
"""
_CHUNKS = (
    """
    UPDATE deliveries_chunk SET seq_to = least(1000, %(messages)s), handed_upto = least(1000, %(messages)s),
        lease_until = NULL, lease_by = '' WHERE delivery_id = %(delivery)s
    """,
    """
    INSERT INTO deliveries_chunk (delivery_id, number, seq_from, seq_to, digest, handed_upto)
    SELECT delivery_id, g + 1, g * 1000 + 1, last, digest, last
    FROM deliveries_chunk, generate_series(1, (%(messages)s - 1) / 1000) g,
        LATERAL (SELECT least((g + 1) * 1000, %(messages)s) AS last) l
    WHERE delivery_id = %(delivery)s AND number = 1
    """,
)


class House:
    """What was laid: the delivery, a person of it, the audience; who looks at it."""

    def __init__(self) -> None:
        self.reader = User.objects.get(username="reader")
        self.operator = User.objects.get(username="operator")
        self.own = self.reader.home_unit
        by_label = {each.label: each for each in Delivery.objects.select_related("unit", "preparation")}
        self.delivery, self.ready, self.draft = by_label[AT_SIZE], by_label["Ready"], by_label["Draft"]
        self.audience = Audience.objects.get()
        self.profile = Profile.objects.filter(unit=self.own).latest("pk")

    @classmethod
    def found(cls) -> "House | None":
        """The house that an earlier run laid in this database; None where there is none."""
        return cls() if Delivery.objects.filter(label=AT_SIZE, status="finished").exists() else None

    @classmethod
    def laid(cls, *, profiles: int, messages: int, hits: int) -> "House":
        """A new one, in an empty database."""
        own, beside = (create_unit(label=label, parent=root()) for label in ("Own", "Beside"))
        _person("reader", dict.fromkeys(SHIPPED, own), home=own)
        _person("operator", dict.fromkeys(SHIPPED, root()), home=root(), is_superuser=True)
        audience.people(3)  # whom the delivery is prepared for by the verbs
        delivery = audience.ready_delivery(AT_SIZE)
        audience.confirm(delivery)
        audience.ready_delivery("Ready")
        drafting.create(
            by=audience.person(), unit=root(), label="Draft", audience=Audience.objects.get(),
            schedule_kind=ScheduleKind.AT_ONCE,
        )  # fmt: skip
        small = Profile.objects.count()
        _lay({
            "delivery": delivery.pk, "messages": messages, "hits": hits, "profiles": profiles, "from": 2,
            "own": own.pk, "beside": beside.pk, "first": small + 1, "last": small + profiles,
        })  # fmt: skip
        recounting.recount(delivery.pk)
        statistics.count_hourly()
        return cls()


def _lay(slots: dict[str, Any]) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL session_replication_role = replica")
        cursor.execute(_PEOPLE.replace("% ", "%% "), slots)
        cursor.execute("SELECT max(id) - %(profiles)s + 1 FROM audiences_profile", slots)
        slots["first_profile"] = cursor.fetchone()[0]
        cursor.execute("DELETE FROM deliveries_message WHERE delivery_id = %(delivery)s AND seq > 1", slots)
        cursor.execute(
            "UPDATE deliveries_message SET status = 1, code = 250, at = now(), tries = 1"
            " WHERE delivery_id = %(delivery)s",
            slots,
        )
        for statement in (_MESSAGES, *_BESIDE, _HITS, *_CHUNKS):
            cursor.execute(statement, slots)
        cursor.execute(
            "UPDATE deliveries_delivery SET status = 'finished', started_at = now(), ended_at = now()"
            " WHERE id = %(delivery)s",
            slots,
        )
        cursor.execute(
            "UPDATE deliveries_preparation SET targeted = %(messages)s + excluded, to_deliver = %(messages)s"
            " WHERE delivery_id = %(delivery)s",
            slots,
        )
        for table in ("deliveries_delivery", "audiences_audience"):
            cursor.execute(f"UPDATE {table} SET unit_id = %(own)s", slots)
        cursor.execute(search_texts.NOTE.format(changed="audiences_profile"))  # no trigger has
    search_texts.fill(seconds=3_600)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


def _person(
    name: str, roles: dict[str, OrganizationalUnit], *, home: OrganizationalUnit, **more: Any
) -> User:
    user = User.objects.create(
        username=name, is_staff=True, home_unit=home, time_zone="America/Recife", **more
    )
    for code, unit in roles.items():
        access.grant(user=user, role=Role.objects.get(pk=code), unit=unit, by=None)
    return user
