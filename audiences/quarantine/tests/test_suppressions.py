"""A suppression list makes nobody a profile, and nothing that it names is written to, now or later."""

import hashlib
import io
import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.imports import Options, suppression_list
from audiences.imports.staging import looking
from audiences.models import Import, Profile, Quarantine, Suppression
from audiences.profiles import people
from audiences.quarantine import suppressions
from audiences.quarantine.suppressions import Entry
from audiences.tests.factories import ProfileFactory


@pytest.fixture
def importer(db):
    return UserFactory(roles={"import": root()})


@pytest.fixture
def bring(importer):
    def bring(content, dry_run=False, **options):
        importing = imports.register(
            name="list.csv", unit=root(), by=importer, options=Options(**options), dry_run=dry_run
        )
        return imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content.encode()))

    return bring


def digest(kind, address):
    return hashlib.new(kind, address.encode()).hexdigest()


def denied():
    return set(Quarantine.objects.filter(status="denylist").values_list("address_key", flat=True))


@pytest.mark.parametrize(
    ("text", "entry"),
    [
        ("Ana@Example.com", Entry("address", "ana@example.com")),
        ("Ana <ana@example.com>", Entry("address", "ana@example.com")),
        ("example.com", Entry("domain", "example.com")),
        ("@Example.com", Entry("domain", "example.com")),
        ("*@example.com", Entry("domain", "example.com")),
        ("bücher.example.com", Entry("domain", "xn--bcher-kva.example.com")),
        ("A" * 32, Entry("md5", "a" * 32)),
        ("b" * 40, Entry("sha1", "b" * 40)),
        ("c" * 64, Entry("sha256", "c" * 64)),
        ("nobody", None),
        ("", None),
        ("b" * 41, None),
    ],
)
def test_what_a_cell_of_a_list_names(text, entry):
    assert suppressions.read(text) == entry


def test_a_list_of_addresses_domains_and_hashes_holds_who_is_here_and_makes_nobody(bring):
    for address in ("a@x.example", "b@sub.bad.example", "c@y.example", "d@y.example", "free@y.example"):
        ProfileFactory(email=address)

    importing = bring(
        f"email\nA@X.example\nbad.example\n{digest('md5', 'c@y.example')}\n{digest('sha256', 'd@y.example').upper()}\n?\n",
        suppression=True,
    )

    assert (importing.status, importing.held_addresses, importing.problems_found) == (
        Import.Status.DONE,
        4,
        1,
    )
    assert denied() == {"a@x.example", "b@sub.bad.example", "c@y.example", "d@y.example"}
    assert (Profile.objects.count(), Suppression.objects.count()) == (5, 3)


@pytest.mark.parametrize("names", ["email\n", ""])
def test_what_stands_around_an_address_of_a_list_loses_nobody(bring, names):
    cells = [
        "\ufeffa@x.example\u200b",
        "\xa0b@x.example",
        "'c@x.example",
        "mailto:d@x.example",
        "D <e@x.example>",
    ]

    importing = bring(names + "".join(f"{cell}\n" for cell in cells), suppression=True)

    assert denied() == {f"{letter}@x.example" for letter in "abcde"}
    assert importing.held_addresses == 5


def test_a_list_without_a_row_of_names_loses_no_row(bring):
    bring("a@x.example\nb@x.example\n", suppression=True)

    assert denied() == {"a@x.example", "b@x.example"}


def test_whoever_comes_in_later_with_a_suppressed_address_is_held(bring, importer):
    bring(f"hash\n{digest('sha1', 'late@x.example')}\nbad.example\n", suppression=True)

    bring("email,first_name\nLate@x.example,L\nx@bad.example,X\nfree@x.example,F\n")
    people.create(values={"email": "y@bad.example"}, unit=root(), by=importer)

    assert denied() == {"late@x.example", "x@bad.example", "y@bad.example"}


def test_who_was_released_by_hand_stays_so_when_the_profile_comes_in_again(db):
    suppressions.add([Entry("domain", "bad.example")], at=timezone.now(), reference="import 1")
    Quarantine.objects.create(address_key="x@bad.example", status="valid")

    assert suppressions.hold_those_among(["x@bad.example"], at=timezone.now(), reference="import 2") == 0


LIST = f"email,hash\nA@x.example,\n,{'c' * 64}\nbad.example,{'d' * 32}\na@X.example,\nnobody,\n"


def test_a_dry_run_of_a_list_shows_the_rows_behind_each_number_and_writes_nothing(bring, importer):
    bring("email\na@x.example\n", suppression=True)

    importing = bring(LIST, dry_run=True, suppression=True)

    numbers = {each.name: each.value for each in looking.numbers(importing)}
    assert numbers == {"held_addresses": 3, "unchanged": 2, "skipped": 1, "cleaned": 0, "bad_rows": 0}
    assert shown(importing, "held_addresses", importer) == [
        (3, {"hash": "c" * 64}),
        (4, {"domain": "bad.example", "hash": "d" * 32}),
    ]
    assert shown(importing, "unchanged", importer) == [(n, {"address": "a@x.example"}) for n in (2, 5)]
    assert shown(importing, "skipped", importer) == [(6, {})]
    assert shown(importing, "held_addresses", UserFactory()) == [(3, {}), (4, {})]
    assert (denied(), Suppression.objects.count()) == ({"a@x.example"}, 0)


def shown(importing, count, by):
    return [(row.line, row.values) for row in looking.rows(importing, count, user=by).rows]


def test_the_numbers_of_a_list_are_the_same_once_it_comes_in(bring):
    dry = bring(LIST * 2, dry_run=True, suppression=True)
    done = bring(LIST * 2, suppression=True)

    assert looking.numbers(done) == looking.numbers(dry)
    assert [str(each.label) for each in looking.numbers(done)][:2] == [
        "new on the list",
        "rows that name nothing new",
    ]


def test_page_desk_and_command_lead_from_the_number_of_a_list_to_its_rows(importer, work, tmp_path):
    importer.is_staff = True
    importer.save()
    client = Client()
    client.force_login(importer)
    (tmp_path / "list.csv").write_text(LIST)
    upload = SimpleUploadedFile("list.csv", LIST.encode())
    client.post("/imports/", {"file": upload, "unit": root().pk, "dry_run": "1", "suppression": "on"})
    work()
    page = f"/imports/{Import.objects.get().pk}/"

    assert f"{page}rows/held_addresses/" in client.get(page).text
    assert (
        f"{page}rows/held_addresses/"
        in client.get(f"/admin/audiences/import/{page.split('/')[2]}/change/").text
    )
    assert "bad.example" in client.get(f"{page}rows/held_addresses/").text

    out = io.StringIO()
    asked = ["--suppression-list", "--dry-run", "--rows", "held_addresses", "--json"]
    call_command("import_profiles", str(tmp_path / "list.csv"), "--as", importer.username, *asked, stdout=out)
    assert [row["line"] for row in json.loads(out.getvalue())["shown"]["rows"]] == [2, 3, 4]

    client.post(f"{page}carry-out/")
    work()
    assert (denied(), Suppression.objects.count()) == ({"a@x.example"}, 3)


@pytest.mark.parametrize("content", ["", "email\n", "city\nNatal\nRio\n", ",,,\n"])
def test_a_list_that_names_nothing_is_refused(bring, content):
    importing = bring(content, suppression=True)

    assert (importing.status, importing.message) == (Import.Status.REFUSED, suppression_list.NOTHING_NAMED)


def test_a_broken_list_changes_nothing(bring):
    importing = bring("email,note\na@x.example,n\nb@x.example\n", suppression=True)

    assert (importing.status, importing.held_addresses) == (Import.Status.REFUSED, 0)
    assert denied() == set()
