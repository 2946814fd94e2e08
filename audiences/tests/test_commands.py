import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Audience, Import, Profile
from audiences.tests.factories import AudienceFactory, ProfileFactory


@pytest.fixture
def importer(db):
    return UserFactory(roles={"import": root(), "attributes": root()}, username="ines")


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("external_id,email,segment\nC1,a@example.com,new\nC2,b@example.com,\n")
    return path


def command(*args):
    out = StringIO()
    call_command(*map(str, args), stdout=out)
    return out.getvalue()


def refused(*args):
    out = StringIO()
    with pytest.raises((CommandError, SystemExit)) as raised:
        call_command(*map(str, args), stdout=out)
    code = getattr(raised.value, "returncode", getattr(raised.value, "code", None))
    return code, raised.value, out.getvalue()


def test_a_file_is_imported_at_once(importer, file):
    answer = json.loads(command("import_profiles", file, "--as", "ines", "--unit", root().pk, "--json"))

    assert (answer["status"], answer["created"]) == ("done", 2)
    assert answer["detected"]["unknown"] == ["segment"]
    event = AuditEvent.objects.get(action="start_import")
    assert (event.actor, event.face) == (importer, "command")
    assert event.os_user


def test_it_says_what_it_did(importer, file):
    said = command("import_profiles", file, "--as", "ines", "--declare", "--audience", "Autumn")

    assert "people.csv: utf-8, delimiter ','" in said
    assert "segment → segment" in said
    assert Audience.objects.get(label="Autumn").members.count() == 2


def test_a_dry_run_keeps_nothing(importer, file):
    answer = json.loads(command("import_profiles", file, "--as", "ines", "--dry-run", "--declare", "--json"))

    assert (answer["created"], answer["import"]) == (2, None)
    assert not Profile.objects.exists()
    assert not Import.objects.exists()


def test_a_broken_file_ends_with_1_and_its_lines(importer, file):
    file.write_text("external_id,email\nC1,a@example.com\nC2\n")

    code, _error, out = refused("import_profiles", file, "--as", "ines", "--json")

    answer = json.loads(out)
    assert code == 1
    assert answer["error"] == "refused"
    assert answer["problems"] == [
        {"line": 3, "field": "", "reason": "The row is short: 1 fields instead of 2.", "broken": True}
    ]


@pytest.mark.parametrize(
    ("args", "code"),
    [([], 2), (["--as", "nobody"], 2), (["--as", "ines", "--unit", "No such unit"], 2)],
)
def test_wrong_usage_is_told_apart(importer, file, args, code):
    assert refused("import_profiles", file, *args)[0] == code


def test_without_the_right_it_is_refused_and_recorded(file, db):
    someone = UserFactory(roles={"prepare": root()})

    code, error, out = refused("import_profiles", file, "--as", someone.username, "--json")

    assert code == 1
    assert json.loads(out)["error"] == "forbidden"
    assert "Import profiles" in str(error)
    event = AuditEvent.objects.get(refused=True)
    assert (event.actor, event.action) == (someone, "import_profiles")


def test_an_audience_is_made_from_a_file(tmp_path, db):
    by = UserFactory(roles={"prepare": root()})
    path = tmp_path / "audience.json"
    rule = {"field": "city", "is": "equal", "value": "Recife"}
    path.write_text(json.dumps({"label": "Recife", "rule": rule}))
    ProfileFactory(city="Recife")

    answer = json.loads(command("create_audience", path, "--as", by.username, "--json"))

    assert (answer["label"], answer["count"], answer["words"]) == ("Recife", 1, "City is “Recife”")
    assert Audience.objects.get().rule == rule


@pytest.mark.parametrize(
    ("content", "code"),
    [("{", 2), ("[]", 2), ('{"rule": {}}', 1), ('{"label": "x", "rule": {"field": "no"}}', 1), ('{"label": "x", "extra": 1}', 2)],
)  # fmt: skip
def test_a_bad_file_makes_no_audience(tmp_path, db, content, code):
    by = UserFactory(roles={"prepare": root()})
    path = tmp_path / "audience.json"
    path.write_text(content)

    assert refused("create_audience", path, "--as", by.username)[0] == code
    assert not Audience.objects.exists()


def test_audiences_are_listed_as_far_as_one_may_see(db):
    north = UnitFactory()
    AudienceFactory(label="Here", unit=north)
    AudienceFactory(label="Hidden", unit=UnitFactory())
    by = UserFactory(roles={"prepare": north})

    answer = json.loads(command("list_audiences", "--as", by.username, "--json"))

    assert [audience["label"] for audience in answer] == ["Here"]
