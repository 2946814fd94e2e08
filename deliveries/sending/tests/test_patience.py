"""How a lane finds the one row that the database can't store, and never blames a row for a database that is away."""

import random

from hypothesis import given
from hypothesis import strategies as st

from deliveries.sending.patience import Patience


def play(results: int, bad: set[int], *, away: list[bool]) -> tuple[list[int], list[int]]:
    """What is stored and what is convicted, where the database refuses each batch with a bad row, or is away."""
    patience, left = Patience(), list(range(results))
    stored: list[int] = []
    convicted: list[int] = []
    moods = iter(away)
    for _turn in range(10_000):
        batch = left[: patience.size]
        if next(moods, False) or bad & set(batch):
            patience.refused(len(batch))
            continue
        stored += batch
        left = left[len(batch) :]
        if patience.succeeded(len(batch), left=len(left)):
            convicted.append(left.pop(0))
        if not left and not patience.is_searching:
            break
    return stored, convicted


@given(st.integers(1, 300), st.data())
def test_only_bad_rows_are_convicted_and_all_others_are_stored(results, data):
    bad = data.draw(st.sets(st.integers(0, results - 1), max_size=3))

    stored, convicted = play(results, bad, away=[])

    assert set(convicted) == bad
    assert sorted(stored) == sorted(set(range(results)) - bad)


@given(st.integers(1, 300), st.integers(1, 200))
def test_a_database_that_is_away_convicts_nobody(results, turns):
    stored, convicted = play(results, set(), away=[True] * turns)

    assert convicted == []
    assert stored == list(range(results))


@given(st.integers(1, 100), st.integers(0, 2**32))
def test_whatever_the_database_does_every_result_ends_somewhere_once(results, seed):
    rng = random.Random(seed)

    stored, convicted = play(results, set(), away=[rng.random() < 0.6 for _ in range(200)])

    assert sorted(stored + convicted) == list(range(results))


def test_pauses_grow_up_to_two_seconds_and_begin_anew_after_a_success():
    patience = Patience()
    pauses = []
    for _ in range(12):
        patience.refused(0)
        pauses.append(patience.pause())
    patience.succeeded(0, left=0)

    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.0, 2.0)
    assert patience.pause() == 0.0
    assert patience.since is None
