"""Whatever stands in a file, a dry run of it and its import have the same numbers, and the dry run leaves no trace."""

import io
from typing import Any

import pytest
from django.db import connection, transaction
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from accounts.models import User
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.consent import consents
from audiences.imports import Options
from audiences.models import Attribute, Import, Profile
from audiences.quarantine import suppressions
from audiences.tests.factories import ProfileFactory
from campaign.lib import clock

pytestmark = pytest.mark.django_db

COUNTS = (
    "status", "message", "rows_read", "created", "updated", "unchanged", "repeated", "bad_rows", "flagged", "cleaned",
    "skipped", "opted_out", "unclear", "held_addresses", "problems_found",
)  # fmt: skip
TABLES = (
    "profile",
    "consentevent",
    "consentdoubt",
    "attribute",
    "audience",
    "audiencemember",
    "quarantine",
    "suppression",
)

CELLS = {
    "id": ["", "A1", "A2", "K1", "K2", "1.2E+12"],
    "email": ["", "k1@example.com", "K2@example.com", "new@example.com", "mailto:n2@example.com", "nobody", "x@y"],
    "first_name": ["", "Ana", "Bia", "NULL", "Z\u200boe"],
    "birth_date": ["", "1990-01-02", "13/02/1991", "03/04/1992", "soon"],
    "points": ["", "1", "2.500", "1,5", "many"],
    "status": ["subscribed", "unsubscribed", "cleaned", "", "perhaps", "pending"],
    "unsubscribed": ["", "0", "1", "2026-01-01", "well"],
    "opt_in": ["", "yes", "no", "?"],
    "complained": ["", "1"],
    "consent_at": ["", "2026-01-02"],
}  # fmt: skip
EXTRA = ["", '"open', "short", ",,,,,,,,,,,,", "Total"]


@st.composite
def files(draw: Any) -> str:
    """A file of some of these columns, its rows in whatever state."""
    names = draw(st.lists(st.sampled_from(sorted(CELLS)), min_size=1, unique=True))
    row = st.tuples(*(st.sampled_from(CELLS[name]) for name in names))
    rows = [
        ",".join(f'"{cell}"' if "," in cell else cell for cell in cells)
        for cells in draw(st.lists(row, max_size=9))
    ]
    rows += draw(st.lists(st.sampled_from(EXTRA), max_size=2))
    return "\n".join([",".join(names), *draw(st.permutations(rows))])


OPTIONS = st.builds(
    Options,
    keep_good_rows=st.sampled_from([True, True, False]),
    declare_attributes=st.booleans(),
    decimal=st.sampled_from(["", ","]),
    dates=st.sampled_from(["", "day"]),
    shared_ids=st.booleans(),
    suppression=st.sampled_from([False, False, False, True]),
    key=st.sampled_from(["", "", "email"]),
)


@pytest.fixture
def by(db):
    """Somebody who imports where a few people are known: one opted out, one in quarantine, two of one address."""
    for number in (1, 2):
        ProfileFactory(external_id=f"K{number}", email=f"k{number}@example.com")
    twin = ProfileFactory(external_id="K3", email="k2@example.com")
    consents.opt_out(profile_id=twin.pk, channel="email", at=clock.now(), source="test")
    suppressions.deny(["k1@example.com"], at=clock.now(), reference="test")
    return UserFactory(roles={"import": root(), "attributes": root()})


def carried_out(content: str, by: User, options: Options, *, dry_run: bool) -> dict[str, Any]:
    importing = imports.register(name="a.csv", unit=root(), by=by, options=options, dry_run=dry_run)
    done = imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content.encode()))
    counts: dict[str, Any] = {name: getattr(done, name) for name in COUNTS}
    if done.status == Import.Status.CHECKED:
        counts["status"] = Import.Status.DONE
    problems = done.problems.values_list("line", "field", "reason", "slots", "fatal")
    return counts | {"problems": sorted(map(str, problems))}


def everything() -> list[Any]:
    with connection.cursor() as cursor:
        cursor.execute(
            " UNION ALL ".join(f"SELECT '{name}', md5(t::text) FROM audiences_{name} t" for name in TABLES)
        )
        return sorted(cursor.fetchall())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=files(), options=OPTIONS)
@example(content="birth_date", options=Options(suppression=True))
def test_a_dry_run_and_the_import_have_the_same_numbers(by, content, options):
    with transaction.atomic():
        before = everything()

        tried = carried_out(content, by, options, dry_run=True)
        assert everything() == before

        assert carried_out(content, by, options, dry_run=False) == tried
        transaction.set_rollback(True)


def test_the_files_of_this_test_do_bring_people_in(by):
    content = "id,email,points,status\nA1,new@example.com,1,unsubscribed\nK1,k1@example.com,2,perhaps\n"

    tried = carried_out(content, by, Options(declare_attributes=True), dry_run=False)

    assert (tried["created"], tried["updated"], tried["opted_out"], tried["unclear"]) == (1, 1, 1, 1)
    assert Profile.objects.count() == 4
    assert Attribute.objects.get().name == "points"
