"""The ledger's room is the one door to a message's status."""

import re
from pathlib import Path

from django.conf import settings

from benchmarks import house
from deliveries.ledger import results

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


def test_a_row_is_changed_in_its_own_delivery_alone_wherever_it_stands() -> None:
    """A place (`ctid`) is one in each partition: alone it could be another delivery's row."""
    changed = re.search(r"UPDATE deliveries_message m.*?RETURNING", results.STORE, re.S)

    assert changed is not None
    assert "m.delivery_id + 0 = %(delivery)s" in changed.group()
