"""Tests that are shared among processes: none is lost, and slow ones come first in each process's share."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from campaign.stack.pytest_plugin import dealt


class Item(NamedTuple):
    path: Path
    number: int
    is_slow: bool

    def get_closest_marker(self, name: str) -> bool:
        return self.is_slow and name == "slow"


def items_of(modules: Sequence[Sequence[bool]]) -> list[Item]:
    return [
        Item(Path(f"test_{module}.py"), number, is_slow)
        for module, tests in enumerate(modules)
        for number, is_slow in enumerate(tests)
    ]


def shares(tests: Sequence[Item], hands: int) -> list[Sequence[Item]]:
    """What each process gets, as pytest-xdist counts it out by worksteal."""
    given_out, start = [], 0
    for hand in range(hands):
        end = start + (len(tests) - start) // (hands - hand)
        given_out.append(tests[start:end])
        start = end
    return given_out


@given(modules=st.lists(st.lists(st.booleans(), max_size=9), max_size=9), hands=st.integers(1, 5))
def test_each_test_is_dealt_once(modules, hands):
    tests = items_of(modules)

    assert sorted(dealt(tests, hands)) == sorted(tests)


@given(modules=st.lists(st.lists(st.booleans(), max_size=9), max_size=9), hands=st.integers(1, 5))
def test_the_slow_ones_of_a_module_stay_together(modules, hands):
    order = [test.path for test in dealt(items_of(modules), hands) if test.is_slow]

    assert sum(one != other for one, other in pairwise(order)) == max(len(set(order)) - 1, 0)


def test_drills_stand_where_make_looks_for_them(pytestconfig):
    tests = [
        path
        for room in pytestconfig.getini("testpaths")
        for path in pytestconfig.rootpath.glob(f"{room}/**/test_*.py")
    ]

    drills = {
        path.parent.relative_to(pytestconfig.rootpath)
        for path in tests
        if "@pytest.mark.drill" in path.read_text()
    }

    assert drills == {Path("campaign/tests")}
    assert "-m drill campaign/tests " in (pytestconfig.rootpath / "Makefile").read_text()


def test_each_process_begins_with_slow_ones():
    tests = items_of([[False] * 20, [True, True], [False] * 20, [True], [False, True]])

    for share in shares(dealt(tests, 3), 3):
        slow = [test.is_slow for test in share]
        assert slow[0]
        assert slow == sorted(slow, reverse=True)
