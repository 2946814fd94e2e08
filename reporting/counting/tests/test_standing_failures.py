"""Why messages of a large delivery failed: drawn as it was last counted, and counted anew where anything changed it."""

from datetime import timedelta

import pytest
from django.db import transaction
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import mail_exchanges
from audiences.mail_exchanges import Said
from audiences.models import MailExchange, Profile
from campaign.lib import clock
from campaign.lib.jobs import valkey
from campaign.stack.module_db import once
from deliveries.ledger import recounting
from deliveries.models import Bounce, Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import no_trigger
from feedback import jobs
from feedback.intake import storing
from feedback.tests.mails import bounce_of
from reporting.counting import failures
from reporting.figures import standing
from reporting.logs import logs, providers
from reporting.models import StandingFailures
from reporting.persons import erasing
from reporting.reactions import standing_counts
from reporting.tests.factories import FAILURE

pytestmark = pytest.mark.django_db
DOMAINS = ("serra.com.br", "mata.com.br", "praia.com.br", "ilha.com.br")


def a_delivery(of):
    """Its rows by what each came to: a status, a reason, a domain."""
    made = DeliveryFactory(recipients=8, finished=True)
    came_to(made, of)
    return made


def came_to(made, of):
    with no_trigger("keep_tallies"), no_trigger("sealed_columns"):
        Message.objects.filter(delivery=made).update(status=MessageStatus.SENT, tries=1, at=clock.now())
        for seq, (status, reason, domain, tries) in enumerate(of, start=1):
            key = f"p{seq}@{domain}"
            Message.objects.filter(delivery=made, seq=seq).update(
                status=status, tries=tries, address=key, address_key=key, **{**FAILURE, "reason": reason}
            )
    recounting.recount(made.pk)


@once
def bare():
    """A delivery to eight, to whom anything can come."""
    return DeliveryFactory(recipients=8, finished=True)


@pytest.fixture
def asked(monkeypatch):
    """What a worker was asked to count; nobody was asked before."""
    found = []
    for key in valkey().scan_iter("sinete:failures:*"):
        valkey().delete(key)
    monkeypatch.setattr(
        "reporting.queues.COUNT_FIGURES", type("Ref", (), {"enqueue": staticmethod(lambda **of: found.append((of["delivery_id"], of["what"])))})
    )  # fmt: skip
    return found


@once
def made():
    """Two of google's fail while it is sent, one of a provider by itself; five arrive."""
    failed = MessageStatus.FAILED
    made = a_delivery(
        [
            (failed, "user_unknown", "serra.com.br", 1),
            (failed, "mailbox_full", "mata.com.br", 2),
            (failed, "user_unknown", "praia.com.br", 1),
        ]
    )
    for domain in ("serra.com.br", "mata.com.br"):
        comes_to(domain, "mx.google.com")
    return made


@pytest.fixture
def large(made, monkeypatch):
    """The same, and it is large."""
    monkeypatch.setattr(standing, "LARGE", 3)
    return made


def comes_to(domain, host):
    """DNS says that this host takes the domain's mail."""
    row, _made = MailExchange.objects.get_or_create(domain=domain, defaults={"wanted_at": clock.now()})
    mail_exchanges._store([row.pk], [Said("found", (host,))])


def count(delivery, at=None):
    standing_counts.count(delivery_id=delivery.pk, at=at or clock.now(), what=standing.FAILURES.name)


def now(delivery):
    """By reason and by provider, as the rows have it."""
    return failures.counted(delivery)


def is_current(delivery):
    return standing.current(delivery, of=standing.FAILURES) is not None


def by_brute_force(delivery):
    """The same, in plain Python."""
    known = dict(MailExchange.objects.values_list("domain", "provider"))
    reasons, hosts = {}, {}
    for row in Message.objects.filter(delivery=delivery):
        later = row.status == MessageStatus.BOUNCED
        if not later and not (row.status == MessageStatus.FAILED and row.tries):
            continue
        domain = row.address_key.rpartition("@")[2]
        provider = known.get(domain) or domain or providers.ERASED
        for found, code in ((reasons, row.reason), (hosts, provider)):
            line = found.setdefault(code, [0, 0])
            line[later] += 1
    return reasons, hosts


def test_what_was_counted_is_what_the_rows_come_to(large):
    live = failures.failures(large, user=None)
    count(large)

    assert failures.failures(large, user=None, known=StandingFailures.objects.get()) == live
    assert is_current(large)
    assert [line.code for line in live.by_provider] == ["google.com", "praia.com.br"]


def test_where_nobody_counted_a_page_waits_asks_once_and_shows_it_by_itself(large, asked):
    client = Client()
    client.force_login(UserFactory(roles={"prepare": root()}))
    where = reverse("reporting:window", args=[large.pk, "failures"])

    waiting = client.get(where, headers={"HX-Request": "true"}).content.decode()
    page = client.get(where).content.decode()
    assert asked == [(large.pk, "failures")]
    count(large)
    shown = client.get(where, headers={"HX-Request": "true"}).content.decode()

    assert "are being counted" in waiting
    assert "are being counted" in page
    assert f'hx-get="{where}"' in waiting
    assert "nothing has changed since" in shown
    assert "google.com" in shown
    assert "hx-get" not in shown


def test_a_large_delivery_whose_failures_are_in_few_chunks_is_counted_while_its_page_is_made(asked):
    delivery = a_delivery([(MessageStatus.FAILED, "user_unknown", "serra.com.br", 1)])

    assert standing.look(delivery, at=clock.now(), of=standing.FAILURES) == standing.Look()
    assert asked == []


def fails_late(delivery):
    storing.store(bounce_of(delivery, 5))
    jobs.read_mail()


def is_known_better(delivery):
    storing.store(bounce_of(delivery, 4))
    jobs.read_mail()


def is_erased(delivery):
    profile = Profile.objects.get(pk=Message.objects.get(delivery=delivery, seq=1).profile_id)
    user = UserFactory(roles={"administration": root()})
    whom = erasing.find(profile.email, by=user)
    erased = erasing.erase(whom, confirmed=whom.word, by=user, at=clock.now())
    erasing.carry_on(erased.pk)


def is_forgotten(delivery):
    MailExchange.objects.update(wanted_at=clock.now() - timedelta(days=100))
    mail_exchanges._forget(clock.now() - mail_exchanges.WANTED_FOR)


@pytest.mark.parametrize(
    "change",
    [
        fails_late, is_known_better, is_erased, is_forgotten,
        lambda delivery: comes_to("praia.com.br", "mx.outlook.com"),
        lambda delivery: comes_to("serra.com.br", "mx.outlook.com"),
    ],
    ids=["fails", "reason", "erased", "forgotten", "first-provider", "other-provider"],
)  # fmt: skip
def test_what_changes_them_is_counted_anew(large, change):
    storing.store(bounce_of(large, 4, status="5.2.2"))
    jobs.read_mail()
    count(large)
    before = now(large)

    change(large)

    assert now(large) != before
    assert not is_current(large)
    count(large)
    assert failures.failures(large, user=None, known=standing.current(large, of=standing.FAILURES)) == (
        failures.failures(large, user=None)
    )
    reasons, hosts = now(large)
    assert ({code: rest for code, *rest in reasons}, {code: rest for code, *rest in hosts}) == by_brute_force(
        large
    )


def test_the_same_answer_of_dns_changes_nothing(large):
    count(large)

    comes_to("serra.com.br", "mx2.google.com")

    assert is_current(large)


def test_what_changes_while_they_are_counted_is_counted_with_the_next(large, monkeypatch):
    storing.store(bounce_of(large, 4, status="5.2.2"))
    jobs.read_mail()
    counted = failures.counted

    def slowly(delivery):
        found = counted(delivery)
        is_known_better(delivery)
        return found

    monkeypatch.setattr(failures, "counted", slowly)
    count(large)

    assert Bounce.objects.get(delivery=large, seq=4).reason == "user_unknown"
    assert not is_current(large)


def test_what_took_long_to_count_is_counted_more_rarely(large, asked):
    at = clock.now()
    count(large, at)
    StandingFailures.objects.update(took_ms=30_000)
    fails_late(large)

    standing.look(large, at=at + timedelta(minutes=9), of=standing.FAILURES)
    assert asked == []
    look = standing.look(large, at=at + timedelta(minutes=10), of=standing.FAILURES)

    assert asked == [(large.pk, "failures")]
    assert (look.is_current, look.must_wait) == (False, False)


def test_whoever_does_not_see_all_people_is_told_of_no_provider_and_opens_all_rows(large):
    count(large)
    user = UserFactory(roles={"prepare": UnitFactory(parent=large.unit)})

    found = failures.failures(large, user=user, known=StandingFailures.objects.get())
    [line] = found.by_provider
    chosen = logs.chosen(logs.LOGS["sending"], QueryDict(line.query))

    assert (line.code, line.number) == (providers.ALL, 3)
    assert logs.sending(large, chosen, user).count() == 3
    assert [line.number for line in found.by_reason] == [2, 1]


def test_the_others_of_the_log_are_those_of_the_figure(large, monkeypatch):
    monkeypatch.setattr(providers, "TOP", 1)
    count(large)

    found = failures.failures(large, user=None)
    rest = found.by_provider[-1]
    rows = logs.sending(large, logs.chosen(logs.LOGS["sending"], QueryDict(rest.query)), None)

    assert (rest.code, rest.number) == (providers.OTHERS, 1)
    assert [row.address_key for row in rows] == ["p3@praia.com.br"]


_OUTCOMES = st.lists(
    st.tuples(
        st.sampled_from([MessageStatus.SENT, MessageStatus.FAILED, MessageStatus.BOUNCED]),
        st.sampled_from(["", "user_unknown", "blocked"]),
        st.sampled_from(DOMAINS),
        st.integers(0, 2),
    ),
    max_size=8,
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    is_everywhere=st.booleans(),
    of=_OUTCOMES,
    taken=st.dictionaries(st.sampled_from(DOMAINS), st.sampled_from(["mx.google.com", "mx.uol.com.br"])),
)
def test_each_figure_is_the_number_of_rows_that_it_opens(monkeypatch, bare, is_everywhere, of, taken):
    monkeypatch.setattr(failures, "LARGE_SHARE", 0 if is_everywhere else 1)
    with transaction.atomic():
        _each_figure_is_the_number_of_rows_that_it_opens(bare, of, taken)
        transaction.set_rollback(True)


def _each_figure_is_the_number_of_rows_that_it_opens(delivery, of, taken):
    came_to(delivery, of)
    for domain, host in taken.items():
        comes_to(domain, host)

    found = failures.failures(delivery, user=None)

    lines = [*found.by_reason, *found.by_provider]
    reasons, hosts = by_brute_force(delivery)
    assert {line.code: [line.refused, line.later] for line in found.by_reason} == reasons
    assert {line.code: [line.refused, line.later] for line in found.by_provider} == hosts
    for line in lines:
        for query, number in (
            (line.query, line.number),
            (line.refused_query, line.refused),
            (line.later_query, line.later),
        ):
            chosen = logs.chosen(logs.LOGS["sending"], QueryDict(query))
            assert logs.sending(delivery, chosen, None).count() == number, query
