"""Whatever became of its messages and whatever its readers did: the figures of a delivery outlive its rows."""

from datetime import timedelta
from functools import partial

import pytest
from django.db import transaction
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.ledger import deleting
from deliveries.models import Delivery, Message, RetentionKind
from deliveries.operations import reconciliation
from deliveries.retention import periods, purging
from feedback import forgetting
from feedback.agents import AgentKind
from feedback.models import Hit, HitKind
from feedback.tests.factories import hit
from reporting.counting import statistics
from reporting.reports import summary
from reporting.retention.freezing import freeze
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db
OUTCOMES = ("sent", "failed", "in_doubt", "ignored", "cancelled")
DELETES = {
    RetentionKind.RECIPIENTS: deleting.delete_recipients,
    RetentionKind.REACTIONS: forgetting.delete_hits,
}


def figures(pk):
    delivery = Delivery.objects.get(pk=pk)
    found = summary.summary(delivery, user=None, at=clock.now())
    return found.as_dict() | {"counts": found.counts, "classes": statistics.by_class(pk)}


@settings(
    max_examples=8,
    deadline=None,
    phases=[Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    numbers=st.fixed_dictionaries({name: st.integers(0, 3) for name in OUTCOMES}).filter(lambda n: n["sent"]),
    hits=st.lists(st.tuples(st.sampled_from(HitKind), st.integers(1, 9), st.sampled_from(AgentKind))),
    order=st.permutations([*DELETES]),
    most=st.integers(1, 4),
)
def test_after_each_slice_of_whatever_size_all_figures_are_what_they_were(numbers, hits, order, most, db):
    with transaction.atomic():
        delivery = delivery_with(**numbers)
        rows = sum(numbers.values())
        for kind, seq, whose in hits:
            hit(delivery, kind, min(seq, rows), agent_kind=whose)
        statistics.reconcile(delivery.pk, clock.now())
        Delivery.objects.filter(pk=delivery.pk).update(ended_at=clock.now() - timedelta(days=40))
        days = {str(kind): 30 for kind in DELETES}
        periods.save(unit=root(), days=days, by=UserFactory(roles={"administration": root()}))
        before, at = figures(delivery.pk), clock.now()

        for kind in order:
            delete = partial(DELETES[kind], most=most)
            while purging.purge_slice(delivery.pk, kind, at=at, delete=delete, freeze=freeze):
                assert figures(delivery.pk) == before

        assert figures(delivery.pk) == before
        assert reconciliation.reconcile(delivery.pk).off == []
        assert not Message.objects.filter(delivery=delivery).exists()
        assert not Hit.objects.filter(delivery=delivery).exists()
        transaction.set_rollback(True)
