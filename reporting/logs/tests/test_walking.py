"""Filters that leave next to nothing: a page looks only so far, says so, and the next goes on from there."""

import pytest
from django.db import connection, transaction
from django.http import QueryDict
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.stack.module_db import once
from deliveries.ledger import recounting
from deliveries.models import Chunk, Message, MessageStatus
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import no_trigger
from reporting.logs import logs, walking

pytestmark = pytest.mark.django_db
CHUNK, MOST = 4, 40


def a_ledger(reasons, statuses=None):
    """Messages in chunks of four; `reasons` of each in order, failed where it has one unless `statuses` says."""
    return come_to(DeliveryFactory(recipients=len(reasons), finished=True), reasons, statuses)


@once
def longest():
    """A delivery to as many as an example may need: each goes on with the first of them."""
    return DeliveryFactory(recipients=MOST, finished=True)


def cut_to(made, number):
    """It went to so many; what a savepoint takes back."""
    with no_trigger("keep_tallies"), no_trigger("sealed_columns"):
        Message.objects.filter(delivery=made, seq__gt=number).delete()
    return made


def come_to(made, reasons, statuses=None):
    with no_trigger("keep_tallies"), no_trigger("sealed_columns"):
        Message.objects.filter(delivery=made).update(status=MessageStatus.SENT, tries=1)
        for seq, reason in enumerate(reasons, start=1):
            status = statuses[seq - 1] if statuses else MessageStatus.FAILED
            if reason:
                Message.objects.filter(delivery=made, seq=seq).update(status=status, reason=reason)
    whole = Chunk.objects.get(delivery=made)
    whole.delete()
    for number, low in enumerate(range(1, len(reasons) + 1, CHUNK), start=1):
        high = min(low + CHUNK - 1, len(reasons))
        Chunk.objects.create(
            delivery=made, number=number, seq_from=low, seq_to=high, digest=b"", handed_upto=high
        )
    recounting.recount(made.pk)
    return made


@pytest.fixture(autouse=True)
def _two_chunks_a_page(monkeypatch):
    monkeypatch.setattr(walking, "AT_MOST", 2)
    monkeypatch.setattr(walking, "SECONDS", 60)


def walked(delivery, *, size=2, further=1, **query):
    chosen = logs.chosen(logs.LOGS["sending"], QueryDict("&".join(f"{k}={v}" for k, v in query.items())))
    rows = logs.sending(delivery, chosen, None)
    asked = QueryDict(mutable=True)
    asked.update({name: value for name, value in query.items() if name in ("after", "before")})
    return walking.page(delivery, rows, chosen, asked, size=size, further=further)


def test_a_page_ends_where_it_has_looked_far_enough_and_the_next_goes_on_there():
    delivery = a_ledger([""] * 9 + ["blocked"] + [""] * 6)

    first = walked(delivery, reason="blocked")
    second = walked(delivery, reason="blocked", after=first.following)

    assert (first.rows, first.looked_upto, first.following, first.previous) == ([], 8, 8, None)
    assert [row.seq for row in second.rows] == [10]
    assert (second.looked_upto, second.following, second.previous) == (None, None, 10)


def test_what_takes_long_ends_after_a_while_wherever_it_is(monkeypatch):
    monkeypatch.setattr(walking, "SECONDS", 0)
    monkeypatch.setattr(walking, "FIRST", 1)
    monkeypatch.setattr(walking, "REST", 1)
    delivery = a_ledger([""] * 11 + ["blocked"])

    first = walked(delivery, reason="blocked", further=3)

    assert (first.looked_upto, first.following) == (4, 4)


def test_where_chunks_tell_that_none_has_the_status_nobody_looks():
    delivery = a_ledger([""] * 13 + ["blocked"] + [""] * 2)

    page = walked(delivery, status="failed", reason="blocked")

    assert ([row.seq for row in page.rows], page.looked_upto) == ([14], None)


def test_the_page_says_how_far_it_looked_and_looks_further_by_itself(client, monkeypatch):
    monkeypatch.setattr(walking, "AT_MOST", 1)
    monkeypatch.setattr(walking, "FURTHER", 2)
    delivery = a_ledger([""] * 11 + ["blocked"])
    client.force_login(UserFactory(roles={"prepare": root()}))
    address = reverse("reporting:window", args=[delivery.pk, "sending"])

    page = client.get(address, {"status": "delivered", "reason": "blocked"}).content.decode()
    plain = client.get(address, {"reason": "blocked"}).content.decode()
    further = client.get(address, {"reason": "blocked", "after": "4"}, headers={"HX-Request": "true"})

    assert "up to number 4 of 12" in plain
    assert 'href="?reason=blocked&amp;after=4"' in plain
    assert 'hx-get="?reason=blocked&amp;after=4" hx-trigger="load delay:200ms, click"' in plain
    assert [row.seq for row in further.context["page"].rows] == [12]
    assert "up to number" not in further.content.decode()
    assert "up to number" in page


def test_as_many_queries_for_many_chunks_as_for_few():
    few, many = a_ledger([""] * 8), a_ledger([""] * 80)

    def queries(delivery):
        walked(delivery, reason="blocked", further=10)
        with CaptureQueriesContext(connection) as captured:
            walked(delivery, reason="blocked", further=10)
        return len(captured)

    assert queries(many) == queries(few) + 1  # for the second part


@pytest.mark.parametrize(
    ("query", "is_walked"),
    [
        ("", False), ("reason=blocked", True), ("status=sent", True), ("status=retrying&reason=blocked", False),
        ("provider=google.com", True), ("reaction=clicked", False), ("reason=blocked&reaction=clicked", False),
        ("q=ana", False), ("q=a&reason=blocked", True), ("q=nobody@serra.example&reason=blocked", False),
    ],
)  # fmt: skip
def test_only_what_no_index_leads_to_is_walked(query, is_walked):
    assert walking.is_walked(logs.chosen(logs.LOGS["sending"], QueryDict(query))) == is_walked


_REASONS = st.lists(st.sampled_from(["", "", "", "blocked", "mailbox_full"]), min_size=1, max_size=MOST)


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    reasons=_REASONS, further=st.integers(1, 3), size=st.integers(1, 3),
    query=st.sampled_from([{"reason": "blocked"}, {"status": "failed"}, {"status": "sent"}, {"status": "bounced", "reason": "blocked"}]),
)  # fmt: skip
def test_the_pages_together_show_each_row_once_there_and_back(longest, reasons, further, size, query):
    with transaction.atomic():
        delivery = come_to(cut_to(longest, len(reasons)), reasons)
        _each_row_is_shown_once_there_and_back(delivery, reasons, further, size, query)
        transaction.set_rollback(True)


def _each_row_is_shown_once_there_and_back(delivery, reasons, further, size, query):
    chosen = logs.chosen(logs.LOGS["sending"], QueryDict("&".join(f"{k}={v}" for k, v in query.items())))
    expected = list(logs.sending(delivery, chosen, None).values_list("seq", flat=True))

    there, key = [], None
    while True:
        page = walked(delivery, further=further, size=size, **query, **({"after": key} if key else {}))
        there += [row.seq for row in page.rows]
        if page.following is None:
            break
        key = page.following
    back, key = [], len(reasons) + 1
    while key is not None:
        page = walked(delivery, further=further, size=size, **query, before=key)
        back = [row.seq for row in page.rows] + back
        key = page.previous

    assert there == expected
    assert back == expected
