import pytest
from hypothesis import given
from hypothesis import strategies as st

from deliveries.sending import window as windows
from deliveries.sending.window import FIRST_WINDOW, LARGEST_WINDOW, SMALLEST_WINDOW, WindowSize


class Clock:
    """A moment that a test moves on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(windows.time, "monotonic", clock)
    return clock


def window_after(clock: Clock, *steps: tuple[float, int]) -> WindowSize:
    """Of a lane to which so many results came so many seconds after one another."""
    window = WindowSize(_since=clock())
    for seconds, results in steps:
        clock.now += seconds
        window.note(results)
    return window


def test_a_window_is_what_leaves_in_half_a_second(clock: Clock):
    assert window_after(clock, (0.5, 40)).size == 40


def test_a_fast_relay_gets_the_largest_window_after_two_small_ones_each_time(clock: Clock):
    window = window_after(clock, (0.01, 2 * FIRST_WINDOW))
    assert window.size == 4 * FIRST_WINDOW

    clock.now += 0.02
    window.note(2 * window.size)

    assert window.size == LARGEST_WINDOW


def test_one_window_alone_says_nothing_yet(clock: Clock):
    assert window_after(clock, (0.01, FIRST_WINDOW)).size == FIRST_WINDOW


def test_a_relay_that_becomes_slow_gets_small_windows(clock: Clock):
    window = window_after(clock, (0.01, 2 * FIRST_WINDOW), (0.5, 4), (4.0, 1))

    assert window.size == SMALLEST_WINDOW


@given(steps=st.lists(st.tuples(st.floats(0, 10), st.integers(0, 500)), max_size=30))
def test_a_window_is_never_smaller_than_one_nor_larger_than_the_most(steps):
    clock = Clock()
    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(windows.time, "monotonic", clock)

        assert SMALLEST_WINDOW <= window_after(clock, *steps).size <= LARGEST_WINDOW
