import csv
from pathlib import Path

import pytest
from django.conf import settings
from hypothesis import given
from hypothesis import strategies as st

from audiences import addresses
from audiences.models import AddressState

ADDRESSES = Path(settings.BASE_DIR).parent / "shared" / "data" / "addresses" / "addresses.csv"


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("ana@example.com", "ana@example.com"),
        ("Ana.Souza+News@Example.COM", "ana.souza+news@example.com"),
        ("  ana@example.com ", "ana@example.com"),
        ("ana@münchen.example", "ana@xn--mnchen-3ya.example"),
        ("ana@MÜNCHEN.example", "ana@xn--mnchen-3ya.example"),
        ("José@example.com", "josé@example.com"),
        ("Jose\u0301@example.com", "josé@example.com"),
    ],
)
def test_the_key_ignores_letter_case_and_spelling(text, key):
    assert addresses.read(text) == (AddressState.GOOD, key)


def test_an_empty_cell_is_a_missing_address():
    assert addresses.read(" \t") == (AddressState.MISSING, "")


@pytest.mark.parametrize(
    "text",
    ["ana", "ana@", "@example.com", "a..b@example.com", ".a@example.com", "a@example", "a@b@example.com",
     "Ana <ana@example.com>", "a@[127.0.0.1]", '"a b"@example.com', "a@shop.test", "a@x.local",
     "a@-b.example.com", "a@b-.example.com", "a@example.123", "a" * 65 + "@example.com", "a@ab--c.example.com",
     "ana@example.com\nBcc: x@example.com"],
)  # fmt: skip
def test_malformed_addresses_have_no_key(text):
    assert addresses.read(text) == (AddressState.MALFORMED, "")


def test_the_addresses_of_the_collection_are_judged_as_it_says():
    if not ADDRESSES.exists():
        pytest.skip("the collection of addresses is not beside the project")
    with ADDRESSES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    # Surrounding white space is trimmed first, as an importer may.
    rows = [row for row in rows if row["address"] == row["address"].strip()]

    wrong = [row for row in rows if addresses.is_good(row["address"]) != (row["valid_for_mailing"] == "1")]

    assert len(rows) > 250
    assert wrong == []


@given(
    st.builds(
        "{}@{}".format,
        st.text("abz09.+-_'!\"A ", min_size=1, max_size=68),
        st.lists(st.text("abxn09-Z", min_size=1, max_size=66), min_size=1, max_size=4).map(".".join),
    )
)
def test_the_short_way_agrees_with_the_careful_one(text):
    short = addresses.read(text)

    assert short[0] == addresses._read_carefully(text.strip())[0]


@given(st.text(max_size=40))
def test_a_key_reads_as_itself(text):
    state, key = addresses.read(text)

    assert addresses.read(key) == ((state, key) if state == AddressState.GOOD else (AddressState.MISSING, ""))
