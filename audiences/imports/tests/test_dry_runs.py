"""A dry run: it says what would come of a file, row by row, takes choices, and writes nothing."""

import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import connection
from django.test import Client

from accounts import access
from accounts.models import AuditEvent, Role
from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import imports
from audiences.imports import Options
from audiences.imports.columns import mappings
from audiences.imports.staging import looking
from audiences.models import (
    Attribute,
    Audience,
    ConsentDoubt,
    ConsentEvent,
    Import,
    ImportLines,
    ImportMapping,
    Profile,
    Quarantine,
)  # fmt: skip
from audiences.tests.factories import ProfileFactory

pytestmark = pytest.mark.django_db

MAILCHIMP = (
    "Email Address;First Name;status;points\n"
    "ana@example.com;Ana;subscribed;1\n"
    "bia@example.com;Bia;unsubscribed;2\n"
    "caio@example.com;Caio;cleaned;3\n"
    "davi@example.com;Davi;perhaps;4\n"
    "not-an-address;Eva;subscribed;5\n"
    "ana@example.com;Anna;subscribed;6\n"
)
NUMBERS = ("created", "updated", "unchanged", "repeated", "flagged", "opted_out", "unclear", "held_addresses")


@pytest.fixture
def by(db):
    return UserFactory(roles={"import": root(), "attributes": root()})


@pytest.fixture
def look(work, by) -> Callable[..., Import]:
    def look(content: str | bytes, **options: Any) -> Import:
        file = io.BytesIO(content.encode() if isinstance(content, str) else content)
        importing = imports.start(
            file=file, name="a.csv", unit=root(), by=by, options=Options(**options), dry_run=True
        )
        work()
        importing.refresh_from_db()
        return importing

    return look


@pytest.fixture
def bring_in(work, by) -> Callable[[Import], Import]:
    def bring_in(importing: Import) -> Import:
        imports.carry_out(importing=importing, by=by)
        work()
        importing.refresh_from_db()
        return importing

    return bring_in


def command(*args: object) -> str:
    out = io.StringIO()
    call_command(*map(str, args), stdout=out)
    return out.getvalue()


def counts(importing: Import) -> dict[str, int]:
    return {
        name: getattr(importing, name) for name in (*NUMBERS, "rows_read", "skipped", "bad_rows", "cleaned")
    }


def lines(importing: Import, by: Any) -> dict[str, list[int]]:
    return {
        name: [row.line for row in looking.rows(importing, name, user=by).rows]
        for name in (*NUMBERS, "bad_rows", "skipped")
    }


def test_a_dry_run_says_what_would_come_of_a_file_and_writes_nothing(look, by):
    ProfileFactory(external_id=None, email="ana@example.com", first_name="Ana")

    importing = look(MAILCHIMP, declare_attributes=True, list_label="Shop")

    assert (importing.status, importing.dry_run) == (Import.Status.CHECKED, True)
    assert counts(importing) == {
        "created": 4, "updated": 1, "unchanged": 0, "repeated": 1, "flagged": 1, "opted_out": 1, "unclear": 1,
        "held_addresses": 1, "rows_read": 6, "skipped": 0, "bad_rows": 0, "cleaned": 0,
    }  # fmt: skip
    assert lines(importing, by) == {
        "created": [3, 4, 5, 6], "updated": [7], "unchanged": [], "repeated": [2], "flagged": [6], "opted_out": [3],
        "unclear": [5], "held_addresses": [4], "bad_rows": [], "skipped": [],
    }  # fmt: skip
    assert Profile.objects.count() == 1
    for model in (Attribute, Audience, ConsentDoubt, ConsentEvent, Quarantine):
        assert not model.objects.exists()


def test_one_button_brings_in_what_was_looked_through_with_the_same_numbers(look, bring_in):
    importing = look(MAILCHIMP, declare_attributes=True, list_label="Shop")
    before = counts(importing)

    done = bring_in(importing)

    assert (done.status, done.pk, counts(done)) == (Import.Status.DONE, importing.pk, before)
    assert Audience.objects.get(label="Shop").members.count() == done.created
    assert Attribute.objects.get().name == "points"
    assert not done.parts.exists()
    assert (done.samples, ImportLines.objects.exists()) == ([], False)
    assert [
        event.action for event in AuditEvent.objects.filter(action__endswith="import").order_by("pk")
    ] == [
        "start_import",
        "finish_import",
    ]


def test_asked_twice_a_file_comes_in_once(look, bring_in, by):
    importing = look(MAILCHIMP)
    imports.carry_out(importing=importing, by=by)

    with pytest.raises(imports.NotChecked):
        imports.carry_out(importing=importing, by=by)


def test_only_who_may_import_there_looks_again_or_brings_in(look):
    importing, stranger = look(MAILCHIMP), UserFactory(roles={"prepare": root()})

    with pytest.raises(access.NotAllowed):
        imports.carry_out(importing=importing, by=stranger)
    with pytest.raises(access.NotAllowed):
        imports.look_again(importing=importing, by=stranger, options=Options())


def test_each_column_is_shown_with_samples_and_what_it_is(look):
    importing = look(MAILCHIMP)

    shown = [(row["header"], row["field"]) for row in importing.detected["table"]]
    assert shown == [
        ("Email Address", "email"), ("First Name", "first_name"), ("status", "subscription_status"),
        ("points", "leave_out"),
    ]  # fmt: skip
    assert importing.samples[3] == ["1", "2", "3", "4", "5"]
    assert importing.detected["delimiter"] == ";"


@pytest.mark.parametrize(
    ("content", "options", "found"),
    [
        (
            "a;b\nx@example.com;Olinda\n",
            {"columns": {"a": "email", "b": "city"}},
            ("x@example.com", "Olinda"),
        ),
        ("email,city\nx@example.com,Olinda\n", {"columns": {"#1": "leave_out"}}, ("x@example.com", "")),
        (
            "email,city,b\nx@example.com,Olinda,Natal\n",
            {"columns": {"b": "city"}},
            ("x@example.com", "Natal"),
        ),
        ("email,city\nx@example.com,São\n".encode("cp850"), {"encoding": "cp850"}, ("x@example.com", "São")),
        ("email|city,x\nx@example.com|Olinda,1\n", {"delimiter": "|"}, ("x@example.com", "")),
        ("id,email\n7,x@example.com\n", {"key": "email"}, ("x@example.com", "")),
    ],
)
def test_what_was_chosen_holds(look, bring_in, content, options, found):
    bring_in(look(content, **options))

    profile = Profile.objects.get()
    assert (profile.email, profile.city, profile.external_id) == (*found, None)


def test_a_column_becomes_an_attribute_where_that_is_chosen(look, bring_in):
    bring_in(look("email,points,level\nx@example.com,12,3\n", columns={"points": "new"}))

    assert Attribute.objects.get().kind == Attribute.Kind.NUMBER
    assert Profile.objects.get().attributes == {"points": 12}


def test_how_a_column_is_written_is_chosen_for_it_alone(look, bring_in):
    content = 'email,birth_date,spent\nx@example.com,03/04/1990,"2.500"\n'
    importing = look(content, declare_attributes=True, written={"birth_date": "month", "spent": ","})
    bring_in(importing)

    profile = Profile.objects.get()
    assert (str(profile.birth_date), profile.attributes) == ("1990-03-04", {"spent": 2500})


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"nobody": "email"}, "There is no column “nobody” in this file."),
        ({"b": "email", "a": "email"}, "Two columns are to be “email”; choose one of them."),
        ({"a": "nonsense"}, "“nonsense” is nothing that a column can be."),
    ],
)
def test_choices_that_do_not_fit_are_refused_in_words(look, columns, said):
    importing = look("a,b,email\n1,2,x@example.com\n", columns=columns)

    assert importing.status == Import.Status.REFUSED
    assert [problem.text for problem in importing.problems.all()] == [said]


def test_a_consent_that_is_left_out_by_choice_is_told(look):
    importing = look("email,unsubscribed\nx@example.com,1\n", columns={"unsubscribed": "leave_out"})

    assert importing.opted_out == 0
    assert "is about consent" in importing.problems.get().text


def test_a_refused_dry_run_is_looked_through_again_as_is_chosen_then(look, work, by):
    importing = look('email,city\nx@example.com,"Olinda\ny@example.com,Natal\n')
    assert (importing.status, lines(importing, by)["bad_rows"]) == (Import.Status.REFUSED, [2])

    imports.look_again(importing=importing, by=by, options=Options(keep_good_rows=True))
    work()
    importing.refresh_from_db()

    assert (importing.status, importing.created, importing.bad_rows) == (Import.Status.CHECKED, 1, 1)


def test_a_mapping_is_kept_and_offered_for_the_next_file_of_its_header(look, bring_in, work, by):
    bring_in(look("a,b\nx@example.com,Olinda\n", columns={"a": "email", "b": "city"}))
    saved = ImportMapping.objects.get()
    assert (saved.saved_by, saved.unit) == (by, root())

    other = look("a,c\ny@example.com,Natal\n")
    importing = look("a,b\ny@example.com,Natal\n")
    assert (mappings.saved_for(other), mappings.saved_for(importing)) == (None, saved)
    imports.look_again(importing=importing, by=by, options=Options(saved=True))
    work()
    importing.refresh_from_db()

    assert (importing.status, importing.created) == (Import.Status.CHECKED, 1)
    assert importing.choices["columns"] == {"a": "email", "b": "city"}

    mappings.forget(saved, by=by)
    assert mappings.saved_for(importing) is None


def test_the_rows_behind_a_number_come_page_by_page(look, by):
    importing = look("email\n" + "".join(f"p{n}@example.com\n" for n in range(2_345)))
    seen, after = [], 0
    while after is not None:
        page = looking.rows(importing, "created", user=by, after=after, most=700)
        seen += [row.line for row in page.rows]
        after = page.after

    assert seen == list(range(2, 2_347))
    assert looking.rows(importing, "created", user=by).rows[0].values["email"] == "p0@example.com"


def test_who_may_not_see_whose_rows_they_are_sees_lines_alone(look):
    importing, other = look("email,city\nx@example.com,Natal\nnobody,\n"), UserFactory()

    assert [(row.line, row.values) for row in looking.rows(importing, "created", user=other).rows] == [
        (2, {}),
        (3, {}),
    ]
    assert "nobody" not in str(looking.rows(importing, "flagged", user=other).rows)


def test_what_a_dry_run_kept_goes_with_its_file(look, monkeypatch):
    importing = look(MAILCHIMP)
    Import.objects.update(finished_at="2020-01-01T00:00Z")

    imports.expire()

    importing.refresh_from_db()
    assert (importing.parts.exists(), importing.lines.exists(), importing.samples) == (False, False, [])
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(*) FROM pg_class WHERE relname LIKE 'import\\_staging\\_%' AND relkind = 'r'"
        )
        assert cursor.fetchone() == (0,)


@pytest.fixture
def client(by):
    by.is_staff = True
    by.save()
    access.grant(user=by, role=Role.objects.get(pk="prepare"), unit=root(), by=None)
    signed_in = Client()
    signed_in.force_login(by)
    return signed_in


def test_the_page_goes_from_upload_through_choices_to_the_import(client, work):
    file = SimpleUploadedFile("a.csv", b"a,b,status\nx@example.com,Natal,unsubscribed\n")
    client.post("/imports/", {"file": file, "unit": root().pk, "dry_run": "1"})
    work()
    importing = Import.objects.get()
    page = f"/imports/{importing.pk}/"
    answer = client.get(page)
    assert (importing.status, importing.rows_read) == (Import.Status.REFUSED, 0)
    assert "x@example.com" in answer.text

    client.post(f"{page}look/", {"column_0": "email", "column_1": "city", "column_2": "subscription_status"})
    work()
    assert f"{page}rows/opted_out/" in client.get(page).text
    assert "x@example.com" in client.get(f"{page}rows/opted_out/").text
    assert not Profile.objects.exists()

    client.post(f"{page}carry-out/")
    work()
    profile = Profile.objects.get()
    assert (profile.email, profile.city, profile.no_email) == ("x@example.com", "Natal", True)

    client.post(f"/imports/mappings/{ImportMapping.objects.get().pk}/forget/")
    assert not ImportMapping.objects.exists()


def test_the_desk_does_the_same(client, work):
    file = SimpleUploadedFile("a.csv", b"a,b\nx@example.com,Natal\n")
    form = {"file": file, "unit": root().pk, "first_a_dry_run": "on"}
    client.post("/admin/audiences/import/add/", form)
    work()
    page = f"/admin/audiences/import/{Import.objects.get().pk}/"
    shown = client.get(f"{page}change/").text
    assert "x@example.com" in shown
    assert "Refused" in shown
    assert "&#x27;Refused&#x27;" not in shown

    client.post(f"{page}look/", {"column_0": "email", "column_1": "city"})
    work()
    assert "carry-out" in client.get(f"{page}change/").text
    client.post(f"{page}carry-out/")
    work()

    assert Profile.objects.get().city == "Natal"
    saved = ImportMapping.objects.get()
    marked = {"action": "forget", "_selected_action": [saved.pk]}
    client.post("/admin/audiences/importmapping/", marked)
    assert not ImportMapping.objects.exists()


def test_the_command_does_the_same(by, tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("a,b\nx@example.com,Natal\nnobody,Olinda\n")
    choices = ["--as", by.username, "--column", "a=email", "--column", "b=city", "--json"]

    looked = json.loads(command("import_profiles", file, *choices, "--dry-run", "--rows", "flagged"))
    assert (looked["status"], looked["created"], looked["rows"]["flagged"]) == ("checked", 2, [3])
    assert looked["shown"]["rows"] == [
        {
            "line": 3,
            "values": {"email": "nobody", "city": "Olinda"},
            "reasons": ["email “nobody” is no email address."],
        }
    ]
    assert looked["columns"][1]["samples"] == ["Natal", "Olinda"]
    assert not Profile.objects.exists()

    command("import_profiles", file, *choices, "--save")
    again = json.loads(
        command("import_profiles", file, "--as", by.username, "--saved", "--dry-run", "--json")
    )
    assert again["unchanged"] == 2
    saved = json.loads(command("list_mappings", "--as", by.username, "--json"))["mappings"]
    command("list_mappings", "--as", by.username, "--forget", str(saved[0]["id"]))
    assert not ImportMapping.objects.exists()
