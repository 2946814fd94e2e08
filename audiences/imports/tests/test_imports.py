import io
from pathlib import Path

import pytest
from django.conf import settings

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports
from audiences.imports import Options
from audiences.models import Attribute, Audience, ConsentEvent, Import, Profile
from audiences.tests.factories import AttributeFactory, AudienceFactory, ProfileFactory

PROFILES = Path(settings.BASE_DIR).parent / "shared" / "data" / "profiles"
Status = Import.Status


@pytest.fixture
def importer(db):
    return UserFactory(roles={"import": root(), "attributes": root()})


@pytest.fixture
def bring(importer, work):
    """Import a text or bytes the way the page does: stored, then done by a worker."""

    def bring(content, *, unit=None, by=None, **options):
        content = content.encode() if isinstance(content, str) else content
        importing = imports.start(
            file=io.BytesIO(content),
            name="people.csv",
            unit=unit or root(),
            by=by or importer,
            options=Options(**options),
        )
        work()
        importing.refresh_from_db()
        return importing

    return bring


def shared(name):
    path = PROFILES / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project")
    return path.read_bytes()


def reasons(importing):
    return [(problem.line, problem.field, problem.text) for problem in importing.problems.all()]


def test_a_file_becomes_profiles(bring):
    importing = bring("external_id,email,first_name,time_zone\nC1,Ana@Example.com,Ana,America/Sao_Paulo\n")

    profile = Profile.objects.get()
    assert importing.status == Status.DONE
    assert (importing.rows_read, importing.created) == (1, 1)
    assert (profile.external_id, profile.email, profile.email_key) == (
        "C1",
        "Ana@Example.com",
        "ana@example.com",
    )
    assert (profile.first_name, profile.time_zone, profile.unit) == ("Ana", "America/Sao_Paulo", root())
    assert ["email", "email"] in importing.detected["columns"]
    assert not importing.parts.exists()


def test_the_same_file_again_changes_nothing(bring):
    file = "external_id,email,first_name\nC1,a@example.com,Ana\n,b@example.com,Bia\n,,Caio\n,broken,Davi\n"
    first = bring(file)
    before = list(Profile.objects.order_by("pk").values())

    second = bring(file)

    assert (first.created, second.created, second.updated, second.unchanged) == (4, 0, 0, 4)
    assert list(Profile.objects.order_by("pk").values()) == before


def test_a_changed_row_updates_the_mapped_columns_alone(bring):
    ProfileFactory(
        external_id="C1", first_name="Ana", city="Recife", attributes={"points": 3, "segment": "x"}
    )
    AttributeFactory(name="points", kind=Attribute.Kind.NUMBER)

    importing = bring("external_id,first_name,points\nC1,Anna,\n")

    profile = Profile.objects.get()
    assert (importing.updated, importing.created) == (1, 0)
    assert (profile.first_name, profile.city, profile.attributes) == ("Anna", "Recife", {"segment": "x"})


def test_without_an_external_id_the_address_is_the_key(bring):
    profile = ProfileFactory(external_id=None, email="ana@example.com")

    bring("E-mail;Nome\nANA@example.com;Ana\n")

    assert Profile.objects.get(first_name="Ana").pk == profile.pk


def test_two_ids_may_share_an_address(bring):
    importing = bring("external_id,email\nC1,home@example.com\nC2,home@example.com\n")

    assert importing.created == 2


def test_of_rows_with_one_key_the_last_one_counts(bring):
    importing = bring("email,first_name\na@example.com,One\nb@example.com,B\nA@EXAMPLE.com,Two\n")

    assert (importing.created, importing.repeated) == (2, 1)
    assert Profile.objects.get(email_key="a@example.com").first_name == "Two"


def test_a_profile_named_by_id_and_by_address_changes_once(bring):
    ProfileFactory(external_id="C1", email="a@example.com")

    importing = bring("external_id,email,first_name\nC1,a@example.com,One\n,a@example.com,Two\n")

    assert (importing.updated, importing.repeated) == (1, 1)
    assert Profile.objects.get().first_name == "Two"
    assert Profile.objects.get().external_id == "C1"


def test_missing_and_malformed_addresses_come_in_flagged(bring):
    importing = bring("external_id,email\nC1,\nC2,nobody at home\nC3,c@example.com\n")

    assert importing.flagged == 2
    assert dict(Profile.objects.values_list("external_id", "email_state")) == {
        "C1": "missing", "C2": "malformed", "C3": "good",
    }  # fmt: skip
    assert reasons(importing) == [
        (2, "email", "There is no address."),
        (3, "email", "“nobody at home” is no email address."),
    ]


BROKEN = [
    ('external_id,email\nC1,a@example.com\nC2,"b@example.com\nC3,c@example.com\n', 3, "never closed"),
    ("external_id,email\nC1,a@example.com\nC2\nC3,c@example.com\n", 3, "short: 1 fields instead of 2"),
    ("external_id,email\nC1,a@example.com\nC2,b@x.example,B\nC3,c@example.com\n", 3, "long: 3 fields instead of 2"),
    ("external_id,email\nC1,a@example.com\nC2,\0b@example.com\nC3,c@example.com\n", 3, "NUL"),
    (b"external_id,email\nC1,a@example.com\nC2,\xff\0\nC3,c@example.com\n", 3, "not valid UTF-8"),
    (b'external_id,email\nC1,a@example.com\nC2,\xc3\xa1\xe1@x.example\nC3,c\xc3\xa1@example.com\n', 3, "not valid UTF-8"),
    ('external_id,email\nC1,a@example.com\nC2,"b"@example.com\nC3,c@example.com\n', 3, "behind a closing"),
    ('external_id,email\n"C\n1",a@example.com\nC2\nC3,c@example.com\n', 4, "short"),
    ('external_id,email\nC1,a@example.com\nC2,"b\nC3,c@example.com\nC4,"d\nC5,e@example.com\n', 3, "behind a closing|swallows|never"),
]  # fmt: skip


@pytest.mark.parametrize(("content", "line", "reason"), BROKEN)
def test_a_broken_file_is_refused_with_line_and_reason(bring, content, line, reason):
    importing = bring(content)

    first = importing.problems.first()
    assert importing.status == Status.REFUSED
    assert not Profile.objects.exists()
    assert (first.fatal, first.line) == (True, line)
    assert any(part in first.text for part in reason.split("|"))


@pytest.mark.parametrize(("content", "line", "reason"), BROKEN)
def test_the_good_rows_of_a_broken_file_come_in_if_asked(bring, content, line, reason):
    importing = bring(content, keep_good_rows=True)

    kept = {
        external_id.replace(" ", "") for external_id in Profile.objects.values_list("external_id", flat=True)
    }
    assert importing.status == Status.DONE
    assert importing.bad_rows >= 1
    assert {"C1", "C3"} <= kept
    assert "C2" not in kept


def test_a_refused_file_can_be_tried_again_for_its_good_rows(bring, importer, work):
    refused = bring("external_id,email\nC1,a@example.com\nC2\n", list_label="Autumn")

    new = imports.again(importing=refused, by=importer)
    work()

    new.refresh_from_db()
    assert (new.status, new.created, new.bad_rows) == (Status.DONE, 1, 1)
    assert Audience.objects.get(label="Autumn").members.count() == 1
    with pytest.raises(imports.NotRefused):
        imports.again(importing=refused, by=importer)


@pytest.mark.parametrize("content", ["", "\n\n", "first_name,city\nAna,Recife\n"])
def test_a_file_without_a_key_is_refused(bring, content):
    importing = bring(content)

    assert importing.status == Status.REFUSED
    assert importing.message
    assert importing.problems.get().fatal


def test_names_that_could_harm_come_in_as_one_line_of_text(bring):
    importing = bring(
        'external_id,first_name,city\nC1,"Ana\r\nBcc: x@example.com",back\\slash\nC2,"tab\there",\\N\nC3,=1+1,{{ 7*7 }}\n'
    )

    names = dict(Profile.objects.values_list("external_id", "first_name"))
    assert names == {"C1": "Ana Bcc: x@example.com", "C2": "tab here", "C3": "=1+1"}
    assert dict(Profile.objects.values_list("external_id", "city")) == {
        "C1": "back\\slash", "C2": "\\N", "C3": "{{ 7*7 }}",
    }  # fmt: skip
    assert importing.cleaned == 2
    assert reasons(importing)[1] == (4, "first_name", "Control characters were replaced by a space.")


def test_values_that_make_no_sense_stay_empty_and_are_reported(bring):
    AttributeFactory(name="points", kind=Attribute.Kind.NUMBER)
    importing = bring(
        "external_id,time_zone,language,birth_date,points,no_email\n"
        "C1,Mars/Base,klingonish,1990-02-30,many,perhaps\n"
        "C2,america/sao_paulo,pt_br,31/12/1990,\"1.234,5\",não\n"
    )  # fmt: skip

    bad, good = Profile.objects.order_by("external_id")
    assert (bad.time_zone, bad.language, bad.birth_date, bad.attributes, bad.no_email) == (
        "",
        "",
        None,
        {},
        False,
    )
    assert (good.time_zone, good.language, good.birth_date.isoformat(), good.attributes) == (
        "America/Sao_Paulo", "pt-BR", "1990-12-31", {"points": 1234.5},
    )  # fmt: skip
    assert {field for _line, field, _text in reasons(importing)} == {
        "time_zone", "language", "birth_date", "points", "no_email",
    }  # fmt: skip


def test_months_come_first_where_the_sample_proves_it(bring):
    importing = bring("external_id,birth_date\nC1,12/31/1990\nC2,02/03/1991\n")

    assert importing.detected["month_first"]
    assert str(Profile.objects.get(external_id="C2").birth_date) == "1991-02-03"


def test_unknown_columns_are_offered_and_declared_if_asked(bring):
    file = "external_id,Último pedido,points,Quer café?\nC1,2026-01-02,7,sim\nC2,,8,\n"
    offered = bring(file)
    declared = bring(file, declare_attributes=True)

    assert offered.detected["unknown"] == ["Último pedido", "points", "Quer café?"]
    assert dict(Attribute.objects.values_list("name", "kind")) == {
        "ultimo_pedido": "date", "points": "number", "quer_cafe": "yes_no",
    }  # fmt: skip
    assert declared.detected["declared"] == ["ultimo_pedido", "points", "quer_cafe"]
    assert Profile.objects.get(external_id="C1").attributes == {
        "ultimo_pedido": "2026-01-02", "points": 7, "quer_cafe": True,
    }  # fmt: skip


def test_an_import_opts_people_out_and_never_in(bring, importer):
    ProfileFactory(external_id="C1", no_email=True)
    ProfileFactory(external_id="C2", no_email=True)
    ProfileFactory(external_id="C3")

    importing = bring("external_id,no_email\nC1,\nC2,0\nC3,1\nC4,1\nC5,\n")

    out = Profile.objects.filter(no_email=True).values_list("external_id", flat=True)
    assert set(out) == {"C1", "C2", "C3", "C4"}
    assert importing.opted_out == 2
    assert set(ConsentEvent.objects.values_list("profile__external_id", "source", "by")) == {
        ("C3", "import", importer.pk), ("C4", "import", importer.pk),
    }  # fmt: skip
    assert (3, "no_email", "Opted out before; a file can't opt anybody in again.") in reasons(importing)


def test_the_profiles_join_the_list(bring):
    bring("external_id\nC1\nC2\n", list_label="Autumn")
    bring("external_id\nC2\nC3\n", list_label="Autumn")

    assert Audience.objects.get(label="Autumn", kind=Audience.Kind.LIST).members.count() == 3


def test_a_rule_is_no_list_to_join(importer):
    AudienceFactory(label="Everybody", unit=root())

    with pytest.raises(imports.NotAList, match="Everybody"):
        imports.start(file=io.BytesIO(b"email\n"), name="x.csv", unit=root(), by=importer,
                      options=Options(list_label="Everybody"))  # fmt: skip


def test_only_importers_import_and_only_in_their_units(importer):
    north, south = UnitFactory(), UnitFactory()
    someone = UserFactory(roles={"import": north, "prepare": south})

    for by, unit in [(someone, south), (someone, root()), (UserFactory(), north)]:
        with pytest.raises(NotAllowed):
            imports.start(file=io.BytesIO(b"email\n"), name="x.csv", unit=unit, by=by, options=Options())
    assert not Import.objects.exists()


def test_a_right_that_was_taken_away_meanwhile_refuses_the_import(importer):
    importing = imports.start(
        file=io.BytesIO(b"email\na@example.com\n"), name="x.csv", unit=root(), by=importer, options=Options()
    )
    importer.is_active = False
    importer.save()

    with pytest.raises(NotAllowed):
        imports.run(import_id=importing.pk)

    assert Import.objects.get().status == Status.REFUSED
    assert not Profile.objects.exists()


def test_a_profile_of_another_unit_stays_as_it_is(bring):
    north, south = UnitFactory(), UnitFactory()
    ProfileFactory(external_id="C1", unit=south, first_name="Untouched")
    someone = UserFactory(roles={"import": north})

    importing = bring("external_id,first_name\nC1,Changed\nC2,New\n", unit=north, by=someone)

    assert Profile.objects.get(external_id="C1").first_name == "Untouched"
    assert (importing.created, importing.skipped) == (1, 1)
    assert "belongs to a unit" in importing.problems.get().text


def test_an_address_of_a_parallel_branch_is_another_profile(bring):
    north, south = UnitFactory(), UnitFactory()
    ProfileFactory(external_id=None, email="a@example.com", unit=south, first_name="Untouched")

    bring("email,first_name\na@example.com,New\n", unit=north)

    assert set(Profile.objects.values_list("unit", "first_name")) == {
        (south.pk, "Untouched"),
        (north.pk, "New"),
    }


def test_running_an_import_twice_does_no_harm(bring):
    importing = bring("email\na@example.com\n")

    imports.run(import_id=importing.pk)

    assert Profile.objects.count() == 1
    assert AuditEvent.objects.filter(action="finish_import").count() == 1


def test_a_lost_job_is_asked_for_again(importer, work):
    from django_rq import get_connection

    imports.start(
        file=io.BytesIO(b"email\na@example.com\n"), name="x", unit=root(), by=importer, options=Options()
    )
    from campaign.stack.inprocess import play_commit

    play_commit()
    get_connection("default").flushdb()

    assert imports.wake() == 1
    work()

    assert Profile.objects.count() == 1
    assert imports.wake() == 0


def test_the_report_is_cut_but_counts_all(bring):
    importing = bring(
        "external_id,email\n" + "".join(f"C{n},\n" for n in range(1200)) + "C\n", keep_good_rows=True
    )

    assert importing.problems.count() == 1000
    assert importing.problems_found == 1201
    assert importing.problems.first().fatal


def test_the_customers_come_in_with_their_irregularities(bring):
    importing = bring(shared("customers.csv"), declare_attributes=True)

    assert importing.status == Status.DONE
    assert (importing.rows_read, importing.bad_rows) == (20_000, 0)
    assert Profile.objects.filter(email_state="missing").count() == 120
    # Two of the 80 malformed ones are among those repeated in other letter case.
    assert Profile.objects.filter(email_state="malformed").count() == 80 + 2
    assert Profile.objects.filter(email_key__contains="@xn--").count() >= 25
    assert Profile.objects.filter(first_name__regex=r"[\r\n]").count() == 0
    assert (
        importing.opted_out == ConsentEvent.objects.count() == Profile.objects.filter(no_email=True).count()
    )
    assert importing.created + importing.repeated == 20_000
    assert dict(Attribute.objects.values_list("name", "kind")) == {
        "segment": "text", "points": "number", "last_order_on": "date",
    }  # fmt: skip


def test_the_file_of_a_brazilian_excel(bring):
    importing = bring(shared("customers-excel.csv"))

    assert importing.status == Status.DONE
    assert (importing.detected["delimiter"], importing.detected["bom"]) == (";", True)
    assert dict(importing.detected["columns"]) == {
        "E-mail": "email", "Nome": "first_name", "Sobrenome": "last_name", "Cidade": "city",
        "Fuso horário": "time_zone",
    }  # fmt: skip
    assert Profile.objects.filter(first_name="Luísa", time_zone="America/Noronha").exists()


def test_the_file_in_latin_1(bring):
    importing = bring(shared("customers-latin1.csv"))

    assert importing.status == Status.DONE
    assert importing.detected["encoding"] == "cp1252"
    assert Profile.objects.get(external_id="C000009").first_name == "Françoise"


def test_the_broken_file_is_refused(bring):
    importing = bring(shared("broken.csv"))

    assert importing.status == Status.REFUSED
    assert [line for line, _field, _text in reasons(importing)] == [3, 4, 5, 6]
    assert not Profile.objects.exists()
