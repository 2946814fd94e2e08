import gc
import weakref
from collections.abc import Iterator

import pytest

from campaign.lib import memory
from campaign.lib.memory import NEW_OBJECTS, keep_what_stands, while_loading, without_old_objects


@pytest.fixture(autouse=True)
def as_in_a_new_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is passed over; at the end all that stands is again, as in every process of tests."""
    before = gc.get_threshold()
    monkeypatch.setattr(memory, "_keeps", False)
    gc.unfreeze()
    yield
    gc.freeze()
    gc.set_threshold(*before)


def test_within_it_the_collector_passes_over_what_stands_already():
    with without_old_objects():
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold()[0] == NEW_OBJECTS


def test_afterwards_it_looks_as_before_even_where_the_work_failed():
    before = gc.get_threshold()

    with pytest.raises(ZeroDivisionError), without_old_objects():
        _ = 1 / 0

    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_rubbish_that_stood_before_is_cleared_away_afterwards():
    class Node:
        itself = None

    node = Node()
    node.itself = node
    left = weakref.ref(node)
    gc.disable()
    try:
        del node
        with without_old_objects():
            gc.collect()
            assert left() is not None
    finally:
        gc.enable()

    gc.collect()
    assert left() is None


def test_a_process_that_answers_until_it_ends_passes_over_what_stands_for_good():
    before = gc.get_threshold()

    keep_what_stands()

    assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == (NEW_OBJECTS, *before[1:])


def test_a_program_that_loads_is_not_interrupted_and_what_it_loaded_is_passed_over_from_then_on():
    looks: list[int] = []
    gc.callbacks.append(lambda phase, info: looks.append(info["generation"]))
    try:
        with while_loading():
            loaded = [[] for _ in range(2 * NEW_OBJECTS)]
        assert looks == []
    finally:
        gc.callbacks.pop()

    assert gc.isenabled()
    assert gc.get_freeze_count() > len(loaded)
    assert gc.get_threshold()[0] == NEW_OBJECTS


def test_what_failed_to_load_leaves_the_collector_at_work():
    with pytest.raises(ImportError), while_loading():
        raise ImportError

    assert gc.isenabled()


def test_work_that_makes_many_objects_takes_nothing_from_what_is_passed_over_for_good():
    keep_what_stands()
    kept = gc.get_freeze_count()

    with without_old_objects():
        _ = [[] for _ in range(1_000)]

    assert gc.get_freeze_count() == kept
