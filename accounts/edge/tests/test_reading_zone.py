"""Each person reads all moments in one zone: the one they chose, or their browser's."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.edge.middleware import ZONE_COOKIE
from accounts.models import AuditEvent, User
from accounts.people import self_service
from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import reader_zone
from campaign.templatetags.sinete import local_time
from deliveries.models import Notice
from deliveries.tests.factories import DeliveryFactory

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 11, 12, 17, 0, tzinfo=UTC)
SAO_PAULO = ZoneInfo("America/Sao_Paulo")


@pytest.fixture
def ana() -> User:
    return UserFactory(username="ana", roles={"prepare": root()})


@pytest.fixture
def browser(ana) -> Client:
    client = Client()
    client.force_login(ana)
    return client


@pytest.fixture
def lisbon():
    with reader_zone.unknown():
        reader_zone.read_in("Europe/Lisbon")
        yield


def fields(ana: User, **more: str) -> dict[str, str]:
    return {"first_name": ana.first_name, "last_name": ana.last_name, "language": "en", **more}


def test_a_person_chooses_the_zone_and_it_is_in_the_trail(browser, ana):
    browser.post(reverse("account"), fields(ana, time_zone="Europe/Lisbon"))

    ana.refresh_from_db()
    event = AuditEvent.objects.get(action="change_own_zone")
    assert ana.time_zone == "Europe/Lisbon"
    assert (event.actor, event.detail) == (ana, {"before": "", "now": "Europe/Lisbon"})


def test_a_zone_that_there_is_not_is_refused(browser, ana):
    answer = browser.post(reverse("account"), fields(ana, time_zone="Mars/Olympus"))

    assert "Mars/Olympus" in answer.text
    with pytest.raises(self_service.NoSuchZone, match="Mars/Olympus"):
        self_service.read_in(time_zone="Mars/Olympus", by=ana)
    ana.refresh_from_db()
    assert ana.time_zone == ""


@pytest.mark.parametrize(
    ("chosen", "said", "reads_in"),
    [
        ("Europe/Lisbon", "Asia/Tokyo", "Europe/Lisbon"),
        ("", "Asia/Tokyo", "Asia/Tokyo"),
        ("", "Mars/Olympus", "UTC"),
        ("", "../../etc/passwd", "UTC"),
        ("", "", "UTC"),
    ],
)
def test_the_choice_counts_before_the_browser_and_nonsense_not_at_all(browser, ana, chosen, said, reads_in):
    self_service.read_in(time_zone=chosen, by=ana)
    browser.cookies[ZONE_COOKIE] = said

    answer = browser.get(reverse("account"))

    assert answer.status_code == 200
    assert f'<span class="time__zone">{reads_in}</span>' in answer.text


def test_the_next_request_of_another_person_begins_anew(browser, ana):
    self_service.read_in(time_zone="Asia/Tokyo", by=ana)
    browser.get(reverse("account"))

    assert reader_zone.known() is None
    assert timezone.get_current_timezone_name() == "UTC"


def test_a_moment_stands_in_the_readers_zone_with_the_objects_own_beside_it(lisbon):
    shown = local_time(NOON, SAO_PAULO)

    assert '12 Nov 2026, 17:00 <span class="time__zone">Europe/Lisbon</span>' in shown
    assert '(14:00 <span class="time__zone">America/Sao Paulo</span>)' in shown
    assert (
        reader_zone.in_words(NOON, SAO_PAULO) == "12 Nov 2026, 17:00 Europe/Lisbon (14:00 America/Sao Paulo)"
    )


def test_where_clocks_agree_one_time_is_enough(lisbon):
    assert reader_zone.in_words(NOON, ZoneInfo("Europe/London")) == "12 Nov 2026, 17:00 Europe/London"
    assert "time__own" not in local_time(NOON, "Europe/London")


def test_where_it_is_another_day_there_the_day_is_said_too(lisbon):
    late = datetime(2026, 11, 12, 23, 30, tzinfo=UTC)

    assert reader_zone.in_words(late, ZoneInfo("Asia/Tokyo")) == (
        "12 Nov 2026, 23:30 Europe/Lisbon (13 Nov 2026, 08:30 Asia/Tokyo)"
    )


def test_of_a_reader_of_whom_nothing_is_known_moments_stand_as_their_object_has_them():
    assert reader_zone.in_words(NOON, SAO_PAULO) == "12 Nov 2026, 14:00 America/Sao Paulo"


def test_commands_say_moments_in_the_zone_of_the_person_who_asks(ana, capsys):
    self_service.read_in(time_zone="Asia/Tokyo", by=ana)
    Notice.objects.create(user=ana, delivery=DeliveryFactory(), kind="waits", at=NOON)

    call_command("list_notices", "--as", "ana")

    assert "2026-11-13 02:00" in capsys.readouterr().out
    assert reader_zone.known() is None
