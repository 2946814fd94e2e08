"""Tests that are shared among processes: none is lost, what waits comes first in one share, what is slow in the others."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from campaign.stack.pytest_plugin import dealt


class Item(NamedTuple):
    path: Path
    number: int
    kind: str = "quick"

    def get_closest_marker(self, name: str) -> bool:
        return self.kind == name


def items_of(modules: Sequence[Sequence[str]]) -> list[Item]:
    return [
        Item(Path(f"test_{module}.py"), number, kind)
        for module, tests in enumerate(modules)
        for number, kind in enumerate(tests)
    ]


QUICK, SLOW, WAITS = ["quick"], ["slow"], ["waits"]


def shares(tests: Sequence[Item], hands: int) -> list[Sequence[Item]]:
    """What each process gets, as pytest-xdist counts it out by worksteal."""
    given_out, start = [], 0
    for hand in range(hands):
        end = start + (len(tests) - start) // (hands - hand)
        given_out.append(tests[start:end])
        start = end
    return given_out


KINDS = {"q": "quick", "s": "slow", "w": "waits"}
MODULES = st.text("qsw|", max_size=60).map(
    lambda text: [[KINDS[letter] for letter in module] for module in text.split("|")]
)


@given(modules=MODULES, hands=st.integers(1, 5))
def test_each_test_is_dealt_once(modules, hands):
    tests = items_of(modules)

    assert sorted(dealt(tests, hands)) == sorted(tests)


@pytest.mark.parametrize("kind", ["slow", "waits"])
@given(modules=MODULES, hands=st.integers(1, 5))
def test_those_of_a_kind_in_a_module_stay_together(kind, modules, hands):
    order = [test.path for test in dealt(items_of(modules), hands) if test.kind == kind]

    assert sum(one != other for one, other in pairwise(order)) == max(len(set(order)) - 1, 0)


def test_each_process_begins_with_slow_ones():
    tests = items_of([QUICK * 20, SLOW * 2, QUICK * 20, SLOW, QUICK + SLOW])

    for share in shares(dealt(tests, 3), 3):
        slow = [test.kind == "slow" for test in share]
        assert slow[0]
        assert slow == sorted(slow, reverse=True)


@pytest.mark.parametrize(("hands", "waiters"), [(2, 1), (3, 1), (4, 2), (8, 2)])
def test_one_or_two_processes_begin_with_all_that_waits_and_the_others_with_slow_ones(hands, waiters):
    tests = items_of([QUICK * 40, WAITS * 2, *[SLOW * 2] * 8, QUICK * 40, WAITS + QUICK, WAITS, WAITS * 2])

    dealt_out = shares(dealt(tests, hands), hands)

    for share in dealt_out[:waiters]:
        assert [test.kind for test in share] == WAITS * (6 // waiters) + QUICK * (len(share) - 6 // waiters)
    for share in dealt_out[waiters:]:
        assert share[0].kind == "slow"
        assert {test.kind for test in share} == {"slow", "quick"}


@given(modules=MODULES, hands=st.integers(1, 5))
def test_what_waits_is_dealt_in_its_own_order(modules, hands):
    tests = items_of(modules)

    assert [test for test in dealt(tests, hands) if test.kind == "waits"] == [
        test for test in tests if test.kind == "waits"
    ]
