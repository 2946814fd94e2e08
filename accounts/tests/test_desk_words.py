"""What the desk says: numbers as people write them, the trail in words, the history of a row."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from accounts import audit, audit_words
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Import
from audiences.tests.factories import AudienceFactory
from campaign.lib import clock
from deliveries.lifecycle import Step, step_words

pytestmark = pytest.mark.django_db
RECORDED = re.compile(r"(?:audit\.record\(\s*|(?:told|record_refusal)\([^)]*?action=)\"([a-z_]+)\"")


@pytest.fixture
def boss() -> Client:
    client = Client()
    client.force_login(UserFactory(is_staff=True, is_superuser=True, roles={"administration": root()}))
    return client


def test_numbers_are_grouped_as_the_reader_writes_them_and_keys_are_not(boss: Client) -> None:
    importing = Import.objects.create(
        id=123_456, unit=root(), file_name="customers.csv", rows_read=1_234_567, created=2_345
    )

    for language, written in (("en", "1,234,567"), ("pt-br", "1.234.567")):
        boss.cookies["django_language"] = language
        for page in ("/admin/audiences/import/", f"/admin/audiences/import/{importing.pk}/change/"):
            assert written in boss.get(page).content.decode()
    assert ">123456<" in boss.get("/admin/audiences/import/").content.decode()


@pytest.mark.parametrize("app", ["accounts", "alerts", "audiences", "deliveries", "feedback", "reporting"])
def test_whatever_the_trail_records_is_said_in_words(app: str) -> None:
    sources = [path for path in (Path(settings.BASE_DIR) / app).rglob("*.py") if "tests" not in path.parts]
    codes = {code for path in sources for code in RECORDED.findall(path.read_text())}

    assert codes
    assert codes - {*audit_words.ACTIONS} == set()


def test_a_missing_right_and_a_refused_command_are_said_in_words() -> None:
    with translation.override("en"):
        assert audit_words.in_words("start_deliveries") == "Start deliveries"
        assert audit_words.in_words("purge_rows") == "Purge rows"
        assert audit_words.in_words("") == "–"


@pytest.mark.parametrize("step", Step)
def test_a_step_is_said_in_words(step: Step) -> None:
    assert step_words.in_words(step.code) == str(step_words.WORDS[step])


def test_the_trail_is_filtered_by_what_was_done(boss: Client) -> None:
    audit.record("create_unit", by=None, target=root())
    audit.record("move_unit", by=None, target=root())

    page = boss.get("/admin/accounts/auditevent/?action=move_unit").content.decode()
    rows = re.findall(r"field-done[^>]*>(?:<a[^>]*>)?([^<]+)", page)
    assert rows == ["Unit moved"]


def test_the_history_of_a_row_is_what_the_trail_knows_of_it(boss: Client) -> None:
    audience, other = AudienceFactory(), AudienceFactory()
    ana = UserFactory(username="ana")
    audit.record("create_audience", by=ana, target=audience)
    audit.record("delete_audience", by=ana, target=audience, refused=True, reason="It is named elsewhere.")
    audit.record("change_audience", by=ana, target=other)

    said = boss.get(f"/admin/audiences/audience/{audience.pk}/history/").content.decode()
    assert said.index("Audience deleted") < said.index("Audience created")
    assert "(refused)" in said
    assert "Audience changed" not in said
    assert "elsewhere" not in said


def test_the_history_of_a_row_is_for_those_who_may_see_it() -> None:
    audience = AudienceFactory(unit=UnitFactory())
    stranger = Client()
    stranger.force_login(UserFactory(is_staff=True, roles={"prepare": UnitFactory()}))

    answer = stranger.get(f"/admin/audiences/audience/{audience.pk}/history/")
    assert answer.status_code in (302, 403)


def test_a_long_history_costs_as_many_queries_as_a_short_one(
    boss: Client, django_assert_max_num_queries
) -> None:
    audience = AudienceFactory()
    for _number in range(60):
        audit.record("change_audience", by=None, target=audience)

    with django_assert_max_num_queries(20):
        page = boss.get(f"/admin/audiences/audience/{audience.pk}/history/").content.decode()
    assert "60 events" in page
    assert "?p=2" in page


def test_an_empty_list_says_whether_something_can_be_added(boss: Client) -> None:
    searched = boss.get("/admin/audiences/audience/?q=nobody").content.decode()
    bare, filled_elsewhere = boss.get("/admin/alerts/webhook/"), boss.get("/admin/deliveries/notice/")

    assert "Nothing matches." in searched
    assert "Add webhook" in bare.content.decode()
    assert "nothing is added here" in filled_elsewhere.content.decode()


def test_an_event_is_called_by_who_did_it_and_to_what_and_by_no_code() -> None:
    event = AuditEvent(
        action="place_delivery", actor_name="ana", target_label="The new harvest", at=clock.now()
    )

    assert str(event) == "ana · The new harvest"
