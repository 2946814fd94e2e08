"""Files of logs: what PostgreSQL writes is what Python would, in pages, and how far it is can be asked."""

import json
import stat
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import translation
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts.models import AuditEvent, Role
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import addresses
from audiences.models import ExportStyle, Profile
from audiences.profiles import export_styles
from campaign.lib import clock, csv
from campaign.stack.module_db import once
from deliveries.models import Bounce, Message
from feedback.models import Hit, HitKind
from feedback.tests.factories import hit
from reporting.exports import export_progress, export_sql, exports, file_columns
from reporting.exports.export_joins import Beside
from reporting.exports.export_progress import Standing
from reporting.logs import logs
from reporting.tests.factories import delivery_with

pytestmark = pytest.mark.django_db

ANSWERS = ["", "=cmd", 'say "no"', "a;b,c\td", "<ana@x.example>, bob@y.example: no", "\r\n=1", "é à 日本"]


@once
def unit():
    return UnitFactory()


@once
def delivery(unit):
    made = delivery_with(unit=unit, sent=5, failed=4, retrying=2, in_doubt=2)
    for seq, said in enumerate(ANSWERS, start=1):
        Message.objects.filter(delivery=made, seq=seq).update(reply=said)
    Bounce.objects.bulk_create(
        [
            Bounce(
                delivery=made,
                seq=6,
                at=clock.now(),
                nature="hard",
                reason="refused",
                text="550 <c@x.example>",
                was=1,
            )
        ]
    )
    for number, seconds in enumerate((0.04, 0.05, 0.25, 12.0, 3599.96, None)):
        hit(
            made,
            HitKind.CLICK if number % 2 else HitKind.OPEN,
            1 + number,
            after=seconds,
            agent=ANSWERS[number],
        )
    gone = Message.objects.get(delivery=made, seq=2)
    Profile.objects.filter(pk=gone.profile_id).update(unit=UnitFactory())  # somebody of another unit
    left = Message.objects.filter(delivery=made, seq__in=[3, 7]).values_list("profile_id", flat=True)
    Profile.objects.filter(pk__in=list(left)).delete()  # who are gone
    return made


@once
def people(unit):
    Role.objects.create(code="masked", label="Masked", rights=["view_deliveries", "export_data"])
    return {
        "all": UserFactory(is_superuser=True, roles={"export": unit}),
        "own": UserFactory(roles={"export": unit}),
        "masked": UserFactory(roles={"masked": unit}),
    }


def by_python(log, rows, delimiter):
    shown = file_columns.BY_LOG[log.code]
    return "".join(text for text, _number in exports._lines(shown, log, rows, delimiter=delimiter))


@pytest.mark.parametrize("who", ["all", "own", "masked"])
@pytest.mark.parametrize("delimiter", ExportStyle.Delimiter.values)
@pytest.mark.parametrize("code", ["sending", "unknown", "exclusions", "tracking"])
def test_postgresql_writes_what_python_would(delivery, people, who, delimiter, code):
    log, rows = logs.LOGS[code], logs.LOGS[code].rows(delivery, {}, people[who])

    beside = Beside(log, delivery, people[who])
    shown = file_columns.BY_LOG[code]
    pages = list(export_sql.pages(shown, log, rows, delimiter=delimiter, beside=beside, size=3))

    assert "".join(text for text, _number in pages) == by_python(log, rows, delimiter)
    assert sum(number for _text, number in pages) == rows.count()


def test_the_words_are_those_of_the_language_that_was_active(delivery, people):
    log = logs.LOGS["sending"]
    with translation.override("pt-br"):
        lines = exports.export(delivery=delivery, log=log, chosen={}, by=people["all"])

    assert "Enviada" in b"".join(lines).decode()


@given(text=st.text(st.sampled_from("ab.@<>;: \t'+é"), max_size=20))
@settings(max_examples=60, deadline=None)
def test_an_address_is_masked_alike(text):
    masked, shown = export_sql.address("t", "true", "false")
    told, said = export_sql.told("t", "true", "false")

    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {masked}, {told} FROM (SELECT %s::text AS t) AS one", [*shown, *said, text])
        assert cursor.fetchone() == (addresses.masked(text), addresses.masked_within(text))


@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", b"N"), ("utf-8-sig", b"\xef\xbb\xbfN"), ("utf-16", b"\xff\xfeN\0")]
)
def test_a_file_begins_as_its_style_says(delivery, people, encoding, mark):
    export_styles.remember(user=people["own"], delimiter=";", encoding=encoding)

    written = b"".join(
        exports.export(delivery=delivery, log=logs.LOGS["sending"], chosen={}, by=people["own"])
    )

    assert written.startswith(mark)
    assert len(written.decode("utf-16" if encoding == "utf-16" else "utf-8-sig").splitlines()) >= 14


def test_a_file_asks_once_for_many_rows(delivery, people):
    with CaptureQueriesContext(connection) as asked:
        b"".join(exports.export(delivery=delivery, log=logs.LOGS["sending"], chosen={}, by=people["all"]))

    assert len(asked) < 12


def test_an_export_says_how_far_it_is(client, delivery, people):
    client.force_login(people["own"])
    name = "0123456789abcdef"
    where = reverse("reporting:export-progress", args=[name])
    assert client.get(where).status_code == 404

    response = client.get(reverse("reporting:export", args=[delivery.pk, "sending"]), {"progress": name})
    begun = client.get(where).json()
    b"".join(response.streaming_content)
    over = client.get(where).json()

    assert (begun["is_over"], begun["percent"]) == (False, 0)
    assert (over["is_over"], over["said"]) == (True, "13 rows are in the file.")


def test_an_export_of_somebody_else_is_not_known(client, people):
    export_progress.note(people["own"], "0123456789abcdef", Standing(5, 10))
    client.force_login(people["all"])

    assert client.get(reverse("reporting:export-progress", args=["0123456789abcdef"])).status_code == 404
    assert client.get(reverse("reporting:export-progress", args=["x"])).status_code == 404


def test_a_command_writes_the_file_whole(delivery, people, tmp_path):
    out, file = StringIO(), tmp_path / "sent.csv"

    call_command(
        "export_log", delivery.name, "sending", "--to", str(file), "--only", "status=failed",
        "--as", people["own"].username, "--json", stdout=out,
    )  # fmt: skip

    answer = json.loads(out.getvalue())
    assert answer["rows"] == 4
    assert len(file.read_bytes().decode("utf-8-sig").splitlines()) >= 5
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert AuditEvent.objects.get(action="export_log").detail["filters"] == {"status": "failed"}


def test_a_command_writes_over_nothing(delivery, people, tmp_path):
    file = tmp_path / "kept.csv"
    file.write_text("kept")

    with pytest.raises(CommandError, match="is there already") as refusal:
        call_command(
            "export_log", delivery.name, "sending", "--to", str(file), "--as", people["own"].username
        )

    assert (refusal.value.returncode, file.read_text()) == (2, "kept")
    assert [*tmp_path.iterdir()] == [file]


def test_whoever_may_not_export_gets_no_file(delivery, unit, tmp_path):
    reader = UserFactory(roles={"read": unit})

    with pytest.raises(CommandError) as refusal:
        call_command(
            "export_log", delivery.name, "sending", "--to", str(tmp_path / "a"), "--as", reader.username
        )

    assert refusal.value.returncode == 1
    assert [*tmp_path.iterdir()] == []
    assert Hit.objects.exists()


def test_a_line_is_quoted_as_a_file_needs():
    assert csv.line(["a,b", 'c"d', 1, None]) == '"a,b","c""d",1,\r\n'
