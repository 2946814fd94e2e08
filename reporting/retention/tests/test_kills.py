"""A run that is killed by SIGKILL in the midst of every slice: nothing half done stays, and no figure changes."""

import multiprocessing
import os
import signal

import pytest
from django.db import connections

from campaign.lib import clock
from deliveries.ledger import deleting
from deliveries.models import Delivery, Message, Purge
from deliveries.operations import reconciliation
from deliveries.tests.ledger_rows import recipients
from feedback import forgetting
from feedback.models import Hit
from reporting.reports import summary
from reporting.retention import applying

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.slow]
ROWS = 2  # of a slice


def figures(delivery):
    found = summary.summary(Delivery.objects.get(pk=delivery.pk), user=None, at=clock.now())
    return found.as_dict() | {"counts": found.counts}


def small_slices(monkeypatch, told):
    """Each slice has two rows; the second of a process is told of, and lasts until somebody kills it."""
    slices = [0]

    def stalling(delete):
        def one(*args, **given):
            number = delete(*args, **given | {"most": ROWS})
            slices[0] += bool(number)
            if number and slices[0] == 2:
                told.send(os.getpid())
                signal.pause()
            return number

        return one

    for module, name in ((deleting, "keep_addressees"),):
        monkeypatch.setattr(module, name, stalling(getattr(module, name)))
    wrapped = {deleting.delete_recipients: None, forgetting.delete_hits: None}
    kinds = []
    for kind in applying.KINDS:
        delete = stalling(kind.delete) if kind.delete in wrapped else kind.delete
        kinds.append(type(kind)(kind.kind, kind.has_rows, kind.count, delete))
    monkeypatch.setattr(deleting, "delete_recipients", stalling(deleting.delete_recipients))
    monkeypatch.setattr(applying, "KINDS", tuple(kinds))


def killed_in_its_second_slice(monkeypatch) -> bool:
    """Whether the run came so far; it is dead, or over."""
    here, there = multiprocessing.Pipe(duplex=False)
    connections.close_all()
    with monkeypatch.context() as patch:
        small_slices(patch, there)
        child = multiprocessing.get_context("fork").Process(
            target=applying.apply, kwargs={"at": clock.now(), "full_speed": True}
        )
        connections.close_all()
        child.start()
    there.close()
    try:
        pid = here.recv()
    except EOFError:  # it ended by itself
        child.join()
        assert child.exitcode == 0
        return False
    os.kill(pid, signal.SIGKILL)
    child.join()
    return True


def test_killed_in_the_midst_of_every_slice_it_ends_all_the_same(old, kept_for, monkeypatch, addressees):
    delivery = old(sent=5, failed=2, in_doubt=1)
    people = recipients(delivery)
    before = figures(delivery)
    kept_for(30)

    kills = 0
    while killed_in_its_second_slice(monkeypatch):
        kills += 1
        assert figures(delivery) == before
        assert kills < 20

    assert kills >= 3
    assert figures(delivery) == before
    assert not Message.objects.filter(delivery=delivery).exists()
    assert not Hit.objects.filter(delivery=delivery).exists()
    assert addressees(delivery, 8) == people
    assert reconciliation.reconcile(delivery.pk).off == []
    gone = dict(Purge.objects.filter(delivery=delivery).values_list("kind", "rows"))
    assert gone == {"recipients": 8 + 1, "reactions": 3}
