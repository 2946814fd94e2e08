"""What is exported and brought back unchanged is as it was."""

import csv
import io
from datetime import date

import pytest
from django.db.models import Value
from django.urls import reverse
from hypothesis import example, given, settings
from hypothesis import strategies as st

from accounts.roles import root
from accounts.tests.factories import UserFactory
from audiences import addresses, imports
from audiences.fields import fields
from audiences.imports import Options
from audiences.imports.columns.cells import Converter
from audiences.imports.columns.headers import Column
from audiences.models import Attribute, Profile
from audiences.profiles import files, people
from audiences.tests.factories import AttributeFactory, ProfileFactory
from campaign.lib.csv import DELIMITERS, bare_cell, line, safe_cell, safe_rows

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0")) | st.lists(
    st.sampled_from(
        [
            "'",
            "=",
            "+",
            "-",
            "@",
            ";",
            ",",
            "\t",
            "|",
            " ",
            "\n",
            '"',
            "\uff1d",
            "\u200b",
            "a",
            "\\",
            "\ufeff",
        ]
    )
).map("".join)


@settings(max_examples=1_000, deadline=None)
@given(texts, st.sampled_from(DELIMITERS))
@example("'s-Hertogenbosch", ",")
@example("+5511999990000", ";")
@example("a;'=1", ",")
@example("\t=1", ",")
def test_the_guard_against_formulas_can_be_taken_off(text, delimiter):
    assert bare_cell(safe_cell(text, delimiter=delimiter), delimiter=delimiter) == text


@settings(max_examples=300, deadline=None)
@given(st.lists(texts, min_size=1, max_size=5), st.sampled_from(DELIMITERS))
def test_what_an_import_has_taken_comes_back_from_its_export(cells, delimiter):
    column = Column(0, "notes", "notes", "text", True)
    lines = list(range(len(cells)))
    taken = Converter(report=lambda *_: None).cells(column, cells, lines)
    taken = Converter(report=lambda *_: None, delimiter="|").cells(
        column, [safe_cell(c, delimiter="|") for c in taken], lines
    )

    file = io.StringIO(
        "".join(safe_rows([[cell, "x"] for cell in taken], delimiter=delimiter)).removeprefix("\ufeff"),
        newline="",
    )
    rows = [row[0] for row in csv.reader(file, delimiter=delimiter)]
    again = Converter(report=lambda *_: None, delimiter=delimiter).cells(column, rows, lines)

    assert again == taken


@pytest.mark.parametrize("value", [2.345, 12345.678, 0.5, 1e-07, 3, 123456789012345.5, -2.5, 2.3])
def test_an_exported_number_is_read_in_one_way_alone(db, value):
    AttributeFactory(name="n", kind=Attribute.Kind.NUMBER)
    ProfileFactory(attributes={"n": value})
    exporter = UserFactory(roles={"export": root()})
    file = "".join(people.export(profiles=Profile.objects.all(), unit=root(), by=exporter))
    text = next(csv.DictReader(io.StringIO(file, newline="")))["n"]
    column = Column(0, "n", "n", "number", True)

    assert [float(cell) for cell in Converter(report=pytest.fail).cells(column, [text], [1])] == [value]


def test_exported_profiles_brought_back_are_unchanged(db):
    AttributeFactory(name="spent", kind=Attribute.Kind.NUMBER)
    AttributeFactory(name="vip", kind=Attribute.Kind.YES_NO)
    AttributeFactory(name="since", kind=Attribute.Kind.DATE)
    AttributeFactory(name="mobile")
    by = UserFactory(roles={"import": root(), "export": root()})
    ProfileFactory(phone="+5511999990000", first_name="=Ana", city="'s-Hertogenbosch", no_email=True,
                   attributes={"spent": 2.345, "vip": True, "since": "2026-03-04", "mobile": "'+1"})  # fmt: skip
    ProfileFactory(first_name="São; -x", last_name="@b", attributes={"spent": 7})
    before = list(Profile.objects.order_by("pk").values())
    file = "".join(people.export(profiles=Profile.objects.all(), unit=root(), by=by)).encode()

    importing = imports.register(name="x.csv", unit=root(), by=by, options=Options())
    done = imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(file))

    assert (done.status, done.unchanged, done.problems_found) == ("done", 2, 0)
    assert list(Profile.objects.order_by("pk").values()) == before


@pytest.mark.parametrize(
    ("delimiter", "encoding", "begins"),
    [
        (";", "utf-8-sig", b"\xef\xbb\xbfexternal_id;email;"),
        ("\t", "utf-16", b"\xff\xfee\0x\0"),
        (",", "utf-8", b"external_id,email,"),
    ],
)
def test_an_export_is_written_as_the_person_chose_last_and_comes_back(
    db, client, delimiter, encoding, begins
):
    AttributeFactory(name="spent", kind=Attribute.Kind.NUMBER)
    by = UserFactory(roles={"import": root(), "export": root()})
    ProfileFactory(first_name="São", attributes={"spent": 2.345})
    client.force_login(by)
    client.post(reverse("audiences:profiles-export"), {"delimiter": delimiter, "encoding": encoding})

    file = b"".join(client.post(reverse("audiences:profiles-export")).streaming_content)
    importing = imports.register(name="x.csv", unit=root(), by=by, options=Options())
    done = imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(file))

    assert file.startswith(begins)
    assert (done.status, done.unchanged, done.problems_found) == ("done", 1, 0)


CELLS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=12) | st.text(
    "aZé=+-@;,\t|'\"\r\n\x1f .", max_size=8
)


@pytest.mark.django_db
@settings(max_examples=150, deadline=None)
@given(st.lists(CELLS, min_size=6, max_size=6), st.sampled_from(DELIMITERS), st.booleans())
def test_a_line_that_postgresql_writes_is_what_python_would_write(cells, delimiter, is_clear):
    first, last, city, phone, note, email = cells
    AttributeFactory._meta.model.objects.get_or_create(name="note", defaults={"label": "Note"})
    profile = ProfileFactory(
        external_id=None, email=email, email_state="malformed", email_key="", first_name=first, last_name=last,
        city=city, phone=phone, language="pt", country="BR", birth_date=date(1984, 2, 29), track_opens=True,
        attributes={"note": note},
    )  # fmt: skip
    rows = Profile.objects.filter(pk=profile.pk).annotate(is_clear=Value(is_clear))

    lines = files.pages(rows, fields.fields(), ["no_email", "track_opens"], delimiter=delimiter, decimal=".")

    shown = [email, phone] if is_clear else [addresses.masked(email), addresses.masked(phone)]
    told = [
        "",
        shown[0],
        first,
        last,
        "pt",
        "BR",
        city,
        "America/Sao_Paulo",
        "1984-02-29",
        shown[1],
        note,
        0,
        1,
    ]
    assert list(lines) == [line(told, delimiter=delimiter)]


def test_a_page_follows_the_page_before(db):
    made = [ProfileFactory(external_id=f"P{n}") for n in range(7)]
    rows = Profile.objects.annotate(is_clear=Value(True))

    pages = list(files.pages(rows, fields.fields()[:10], [], delimiter=",", decimal=".", size=3))

    assert [page.count("\r\n") for page in pages] == [3, 3, 1]
    assert [row.split(",")[0] for row in "".join(pages).splitlines()] == [each.external_id for each in made]


@pytest.mark.parametrize(
    ("stored", "cell"),
    [
        (True, "True"),
        (None, ""),
        (-3, "-3"),
        (-2.5, "-2,5"),
        (1.25, "1,25"),
        (2.345, "2,3450"),
        (3.0, "3,0"),
        ("-3", "'-3"),
    ],
)
def test_only_a_text_is_guarded_against_formulas(db, stored, cell):
    AttributeFactory(name="n", kind=Attribute.Kind.NUMBER)
    ProfileFactory(attributes={"n": stored})
    rows = Profile.objects.annotate(is_clear=Value(True))
    known = [field for field in fields.fields() if field.name in ("email", "phone", "n")]

    (text,) = files.pages(rows, known, [], delimiter=";", decimal=",")

    assert text.removesuffix("\r\n").split(";")[-1] == cell
