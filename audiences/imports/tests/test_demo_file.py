"""The customers that ship for the demonstration keep every irregularity of real files."""

import csv
from collections import Counter
from pathlib import Path

import pytest

from audiences import addresses

CUSTOMERS = Path(addresses.__file__).parent / "demo" / "customers.csv"


@pytest.fixture(scope="module")
def rows():
    with CUSTOMERS.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def names(row):
    return row["first_name"] + row["last_name"]


def test_there_are_two_thousand(rows):
    assert len(rows) == len({row["external_id"] for row in rows}) == 2_000


@pytest.mark.parametrize(
    ("kind", "holds", "count"),
    [
        ("missing address", lambda row: addresses.read(row["email"])[0] == "missing", 12),
        ("malformed address", lambda row: addresses.read(row["email"])[0] == "malformed", 8),
        ("non-ASCII domain", lambda row: "@xn--" in addresses.read(row["email"])[1], 5),
        ("name of 300 characters", lambda row: max(len(row["first_name"]), len(row["last_name"])) >= 300, 5),
        ("markup", lambda row: "<" in names(row) and "{{" in names(row), 10),
        ("formula", lambda row: row["first_name"].startswith(("=", "+", "-", "@")), 5),
        ("forged header", lambda row: "\r\nBcc:" in row["first_name"], 3),
        ("opted out", lambda row: row["no_email"] == "1", 55),
        ("no time zone", lambda row: not row["time_zone"], 116),
    ],
)
def test_it_holds_some_of_each_kind(rows, kind, holds, count):
    assert sum(map(holds, rows)) == count


def test_addresses_are_repeated_in_the_same_and_in_other_letter_case(rows):
    exact = Counter(row["email"] for row in rows if addresses.is_good(row["email"]))
    keys = Counter(addresses.read(row["email"])[1] for row in rows if addresses.is_good(row["email"]))

    same = sum(count - 1 for count in exact.values())

    assert same == 15
    assert sum(count - 1 for count in keys.values()) == same + 6


def test_the_last_page_that_comes_in_is_what_people_see_first_and_it_is_believable(rows):
    for row in rows[-100:]:
        assert addresses.is_good(row["email"])
        assert len(names(row)) < 40
        assert not set("<>{}=\r\n") & set(names(row))
