"""`export_profiles`: whoever may export gets a whole file, and nobody else a part of one."""

import csv
import json
import stat
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import AudienceFactory, ProfileFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def exporter():
    return UserFactory(roles={"export": root()}, home_unit=root(), username="edna")


def exported(*args):
    out = StringIO()
    call_command("export_profiles", *map(str, args), "--as", "edna", "--json", stdout=out)
    return json.loads(out.getvalue())


def ids(file):
    return [row["external_id"] for row in csv.DictReader(StringIO(file.read_text("utf-8-sig"), newline=""))]


def test_the_people_of_a_unit_and_below_are_in_the_file_which_its_owner_alone_reads(exporter, tmp_path):
    ProfileFactory(external_id="up")
    below = ProfileFactory(external_id="below", unit=UnitFactory()).unit

    answer = exported("--to", tmp_path / "a.csv", "--unit", below.pk)
    exported("--to", tmp_path / "b.csv")

    assert (ids(tmp_path / "a.csv"), ids(tmp_path / "b.csv")) == (["below"], ["up", "below"])
    assert answer["bytes"] == (tmp_path / "a.csv").stat().st_size
    assert stat.S_IMODE((tmp_path / "a.csv").stat().st_mode) == 0o600
    assert AuditEvent.objects.filter(action="export_profiles", face="command").count() == 2


def test_an_audience_and_words_narrow_it(exporter, tmp_path):
    ana, berta = ProfileFactory(first_name="Ana"), ProfileFactory(first_name="Berta")
    audience = AudienceFactory(members=[ana, berta])
    ProfileFactory(first_name="Ana")

    exported("--to", tmp_path / "a.csv", "--audience", audience.pk, "--search", "ANA")

    assert ids(tmp_path / "a.csv") == [ana.external_id]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(["--audience", "999999"], 2), (["--audience", "x"], 2), (["--unit", "nowhere"], 2), (["--to", "no/such/folder/a"], 2)],
)  # fmt: skip
def test_what_makes_no_sense_writes_no_file(exporter, tmp_path, arguments, code):
    with pytest.raises(CommandError) as refused:
        call_command("export_profiles", "--to", str(tmp_path / "a.csv"), *arguments, "--as", "edna")

    assert refused.value.returncode == code
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept(exporter, tmp_path):
    (tmp_path / "a.csv").write_text("mine")

    with pytest.raises(CommandError, match="is there already"):
        call_command("export_profiles", "--to", str(tmp_path / "a.csv"), "--as", "edna")

    assert (tmp_path / "a.csv").read_text() == "mine"


def test_without_the_right_there_is_no_file(tmp_path):
    UserFactory(roles={"read": root()}, home_unit=root(), username="vera")
    ProfileFactory()

    with pytest.raises(CommandError):
        call_command("export_profiles", "--to", str(tmp_path / "a.csv"), "--as", "vera")

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("length", [250, 300])
def test_a_name_that_the_disk_does_not_take_is_said_so(exporter, tmp_path, length):
    with pytest.raises(CommandError, match="can't be written: File name too long") as error:
        call_command("export_profiles", "--to", str(tmp_path / ("a" * length)), "--as", "edna")

    assert error.value.returncode == 2
    assert list(tmp_path.iterdir()) == []
