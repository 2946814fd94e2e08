"""Whom messages that are gone were written to is known, in whichever slices they went."""

import pytest
from django.db import transaction
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from deliveries.ledger import deleting
from deliveries.models import Addressees
from deliveries.tests.factories import DeliveryFactory
from deliveries.tests.ledger_rows import execute, recipients

pytestmark = pytest.mark.django_db
MESSAGES = 9
SLICES = st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=8)


class TestAddressees(TestCase):
    @classmethod
    def setUpTestData(cls):
        cls.delivery = DeliveryFactory(sending=True, recipients=MESSAGES)
        cls.people = recipients(cls.delivery)

    @given(slices=SLICES, together=st.integers(1, 4), never_left=st.sets(st.integers(1, MESSAGES)))
    def test_each_is_known_however_they_were_kept_and_went(self, slices, together, never_left):
        with pytest.MonkeyPatch.context() as patch, transaction.atomic():
            for name in ("_MESSAGES", "_ADDRESSEES"):
                text = getattr(deleting, name)
                patch.setattr(deleting, name, text.replace(f"/ {deleting.TOGETHER}", f"/ {together}"))
            sent = [seq for seq in range(1, MESSAGES + 1) if seq not in never_left]
            execute(
                "UPDATE deliveries_message SET status = 1 WHERE delivery_id = %s AND seq = ANY(%s)",
                self.delivery.pk,
                sent,
            )
            kept = gone = 0
            for is_kept_first, most in slices:
                if is_kept_first:
                    kept = deleting.keep_addressees(self.delivery.pk, after=kept, most=most) or kept
                else:
                    gone += deleting.delete_recipients(self.delivery.pk, most=most)
            known = min(max(kept, gone), MESSAGES)
            assert [known_of(self.delivery, seq) for seq in range(1, known + 1)] == [
                None if seq in never_left else self.people[seq - 1] for seq in range(1, known + 1)
            ]
            transaction.set_rollback(True)


def known_of(delivery, seq):
    """The profile at this place of the latest row that reaches so far."""
    rows = Addressees.objects.filter(delivery=delivery, seq_from__lte=seq, seq_to__gte=seq)
    row = rows.order_by("-seq_from").first()
    return row and row.profile_ids[seq - row.seq_from]
