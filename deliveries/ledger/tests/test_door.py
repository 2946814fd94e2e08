"""The ledger's room is the one door to a message's status."""

import re
from pathlib import Path

import pytest
from django.conf import settings

from benchmarks import house
from deliveries.ledger import bounces, results

BARE_STATUS = re.compile(r"\b(?:m|w|own|old|was|r)?\.?status (?:=|<>|IN \() ?[0-9]")


def test_whatever_writes_the_status_of_a_message_stands_in_the_ledgers_room() -> None:
    writers = house.figures()["writers_of_a_messages_status"]

    assert writers
    assert [name for name in writers if not name.startswith("deliveries/ledger/")] == []


def test_no_statement_names_a_status_by_its_number() -> None:
    found = {
        str(path.relative_to(settings.BASE_DIR)): BARE_STATUS.findall(path.read_text())
        for path in house.sources()
        if Path(path).name != "middleware.py"
    }

    assert {
        name: numbers
        for name, numbers in found.items()
        if numbers and "deliveries_" in (Path(settings.BASE_DIR) / name).read_text()
    } == {}


@pytest.mark.parametrize("statement", [results.STORE, bounces._BOUNCE], ids=["results", "bounces"])
def test_a_row_is_changed_in_its_own_delivery_alone_wherever_it_stands(statement: str) -> None:
    """A place (`ctid`) is one in each partition: alone it could be another delivery's row."""
    changed = re.search(r"UPDATE deliveries_message m.*?RETURNING", statement, re.S)

    assert changed is not None
    assert re.search(
        r"m\.ctid = (\w+)\.place AND m\.delivery_id = \1\.delivery_id AND m\.seq = \1\.seq", changed.group()
    )


def test_no_other_statement_changes_a_message_by_its_place() -> None:
    by_place = re.compile(r"UPDATE deliveries_message m\b[^;\"]*?m\.ctid =", re.S)

    named = {
        str(path.relative_to(settings.BASE_DIR))
        for path in house.sources()
        if by_place.search(path.read_text())
    }

    assert named == {"deliveries/ledger/bounces.py", "deliveries/ledger/results.py"}
