"""Reports by mail: at local moments, at most one for each moment and person, with what each may see."""

import io
import json
from datetime import UTC, datetime, time, timedelta
from smtplib import SMTPServerDisconnected
from zoneinfo import ZoneInfo

import pytest
from django.core.mail import EmailMessage
from django.core.management import call_command
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from accounts import access
from accounts.access import NotAllowed
from accounts.models import AuditEvent, RoleGrant
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries.folders import tree
from deliveries.folders.tests.factories import folder_in
from deliveries.tests.factories import DeliveryFactory
from reporting.models import ReportMail, ScheduledReport
from reporting.reports.subjects import of_folder
from reporting.scheduled import definitions, mailing, moments

ZONES = ("UTC", "America/Sao_Paulo", "Europe/Lisbon", "Australia/Lord_Howe", "Pacific/Apia")
Status = ReportMail.Status


@pytest.fixture
def ines(unit):
    """Somebody who may have reports sent."""
    return UserFactory(roles={"export": unit, "prepare": unit})


@pytest.fixture
def ana(unit):
    return UserFactory(roles={"prepare": unit})


def scheduled(unit, by, to, **more):
    subject = of_folder(more.pop("folder", None) or folder_in(unit).pk, user=by)
    when = {"rhythm": "daily", "at_time": time(8), "time_zone": "UTC"} | more
    return definitions.create(kind="folder", subject=subject, recipients=to, by=by, at=clock.now(), **when)


@given(
    days=st.floats(0, 2000),
    rhythm=st.sampled_from(ScheduledReport.Rhythm.values),
    weekday=st.integers(1, 7),
    month_day=st.integers(1, 31),
    at=st.times(),
    zone=st.sampled_from(ZONES),
)
def test_the_next_moment_is_later_on_its_day_and_none_between_was_left_out(
    days, rhythm, weekday, month_day, at, zone
):
    report = ScheduledReport(rhythm=rhythm, weekday=weekday, month_day=month_day, at_time=at, time_zone=zone)
    after = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(days=days)

    moment = moments.following(report, after)

    assert after < moment <= after + timedelta(days={"daily": 2, "weekly": 8, "monthly": 33}[rhythm])
    day = moment.astimezone(ZoneInfo(zone))
    assert rhythm != "weekly" or day.isoweekday() == weekday
    assert moments.following(report, moment) > moment


@pytest.mark.django_db
def test_each_gets_one_mail_however_often_the_job_runs(unit, ines, ana, mailoutbox):
    DeliveryFactory(unit=unit, finished=True, folder=(folder := folder_in(unit)), recipients=3)
    report = scheduled(unit, ines, [ines, ana], folder=folder.pk)
    due = report.next_at + timedelta(minutes=1)

    assert (mailing.send_due(due), mailing.send_due(due), mailing.send_due(due)) == (2, 0, 0)

    assert sorted(mail.to[0] for mail in mailoutbox) == sorted([ines.email, ana.email])
    assert {len(mail.attachments) for mail in mailoutbox} == {0, 1}  # the file is for whoever may export
    assert "To deliver 3" in mailoutbox[0].body
    report.refresh_from_db()
    assert report.next_at == due.replace(minute=0) + timedelta(days=1)


@pytest.mark.django_db
def test_of_moments_that_were_missed_the_last_is_sent_once(unit, ines, mailoutbox):
    report = scheduled(unit, ines, [ines])

    mailing.send_due(report.next_at + timedelta(days=3, minutes=5))

    assert len(mailoutbox) == 1
    assert ReportMail.objects.get().moment == report.next_at + timedelta(days=3)


@pytest.mark.django_db
def test_a_moment_that_was_missed_by_half_a_day_is_left_out(unit, ines, mailoutbox):
    report = scheduled(unit, ines, [ines])

    mailing.send_due(report.next_at + timedelta(hours=13))

    assert mailoutbox == []


@pytest.mark.django_db
def test_rights_are_asked_anew_at_each_sending(unit, ines, ana, mailoutbox):
    report = scheduled(unit, ines, [ines, ana])
    access.revoke(grant=RoleGrant.objects.get(user=ana), by=None)

    mailing.send_due(report.next_at)

    assert [mail.to for mail in mailoutbox] == [[ines.email]]
    assert ReportMail.objects.get(user=ana).status == Status.SKIPPED
    assert AuditEvent.objects.filter(action="mail_scheduled_report", actor=ana, refused=True).exists()


@pytest.mark.django_db
def test_what_surely_did_not_leave_is_tried_again(unit, ines, monkeypatch, mailoutbox):
    report = scheduled(unit, ines, [ines])
    with monkeypatch.context() as away:
        away.setattr(EmailMessage, "send", _raises(ConnectionRefusedError()))
        assert mailing.send_due(report.next_at) == 0

    assert mailing.send_due(report.next_at + timedelta(minutes=1)) == 0
    assert mailing.send_due(report.next_at + timedelta(minutes=6)) == 1
    assert len(mailoutbox) == 1


@pytest.mark.django_db
@pytest.mark.parametrize("error", [TimeoutError(), SMTPServerDisconnected()], ids=["time", "connection"])
def test_what_may_have_left_is_never_sent_again(unit, ines, monkeypatch, mailoutbox, error):
    report = scheduled(unit, ines, [ines])
    with monkeypatch.context() as away:
        away.setattr(EmailMessage, "send", _raises(error))
        mailing.send_due(report.next_at)

    mailing.send_due(report.next_at + timedelta(hours=5))

    assert mailoutbox == []
    assert ReportMail.objects.get().status == Status.HANDED


def _raises(error):
    def send(self, fail_silently=False):
        raise error

    return send


@pytest.mark.django_db
def test_it_takes_the_right_to_export_and_readers_who_may_see_it(unit, ines, ana):
    with pytest.raises(NotAllowed):
        scheduled(unit, ana, [ana])
    with pytest.raises(definitions.MayNotSee):
        scheduled(unit, ines, [UserFactory(roles={"prepare": UnitFactory()})], folder=folder_in(unit, "B").pk)
    with pytest.raises(definitions.NobodyGetsIt):
        scheduled(unit, ines, [], folder=folder_in(unit, "C").pk)

    assert not ScheduledReport.objects.exists()


@pytest.mark.django_db
def test_the_pages_make_change_leave_and_delete_it(client, unit, ines, ana):
    folder = folder_in(unit)
    client.force_login(ines)
    form = {
        "rhythm": "weekly",
        "weekday": 3,
        "at_time": "08:30",
        "time_zone": "America/Sao_Paulo",
        "recipients": [ines.pk, ana.pk],
    }

    client.post(reverse("reporting:scheduled-create", args=["folder"]) + f"?folder={folder.pk}", form)

    report = ScheduledReport.objects.get()
    assert (report.weekday, report.folder, report.unit) == (3, folder, unit)
    assert report.next_at.astimezone(ZoneInfo("America/Sao_Paulo")).strftime("%u %H:%M") == "3 08:30"
    client.post(reverse("reporting:scheduled-edit", args=[report.pk]), form | {"rhythm": "daily"})
    report.refresh_from_db()
    assert (report.rhythm, report.is_on, report.next_at) == ("daily", False, None)
    client.force_login(ana)
    assert client.post(reverse("reporting:scheduled-delete", args=[report.pk])).status_code == 403
    client.post(reverse("reporting:scheduled-leave", args=[report.pk]))
    assert list(report.recipients.all()) == [ines]
    client.force_login(ines)
    client.post(reverse("reporting:scheduled-delete", args=[report.pk]))
    assert not ScheduledReport.objects.exists()


@pytest.mark.django_db
def test_a_scheduled_report_of_another_branch_is_not_there(client, unit, ines):
    report = scheduled(unit, ines, [ines])
    client.force_login(UserFactory(roles={"export": UnitFactory()}))

    for name in ("edit", "delete", "leave"):
        address = reverse(f"reporting:scheduled-{name}", args=[report.pk])
        assert client.post(address).status_code == 404


@pytest.mark.django_db
def test_commands_make_list_look_at_and_send_it(unit, ines, ana, mailoutbox):
    folder = folder_in(unit)

    def said(name, *args, **options):
        out = io.StringIO()
        call_command(name, *args, stdout=out, as_json=True, **options)
        return json.loads(out.getvalue())

    made = said(
        "schedule_report", "folder", folder="Summer", to=[ana.username], every="monthly", person=ines.username
    )
    assert said("schedule_report", "list", person=ana.username)[0]["to"] == [ana.username]
    looked = said("send_report", str(made["scheduled"]), dry_run=True, person=ines.username)
    assert looked["mails"][0]["subject"] == f"Folder or campaign: {folder.label}"
    assert said("send_report") == {"mailed": 0}
    assert mailoutbox == []
    said("schedule_report", "delete", str(made["scheduled"]), person=ines.username)


@pytest.mark.django_db
def test_by_command_what_is_named_changes_and_the_rest_stays(unit, ines, ana):
    report = scheduled(unit, ines, [ines, ana], at_time=time(9), time_zone="Asia/Tokyo")

    out = io.StringIO()
    call_command(
        "schedule_report", "change", str(report.pk), at="07:30", active="no", person=ines.username,
        as_json=True, stdout=out,
    )  # fmt: skip

    answer = json.loads(out.getvalue())
    assert (answer["at"], answer["zone"], answer["rhythm"]) == ("07:30", "Asia/Tokyo", "daily")
    assert (answer["is_on"], answer["next"]) == (False, None)
    assert set(answer["to"]) == {ines.username, ana.username}


@pytest.mark.django_db
def test_by_command_somebody_says_that_they_want_it_no_more(unit, ines, ana):
    report = scheduled(unit, ines, [ines, ana])

    call_command("schedule_report", "leave", str(report.pk), person=ana.username, stdout=io.StringIO())

    assert list(report.recipients.all()) == [ines]


@pytest.mark.django_db
def test_as_many_are_listed_as_one_asks_for(ines, unit):
    for _number in range(3):
        call_command("schedule_report", "unit", unit=unit.label, to=[ines.username], person=ines.username)
    out = io.StringIO()

    call_command("schedule_report", "list", "--limit", "2", person=ines.username, as_json=True, stdout=out)

    assert len(json.loads(out.getvalue())) == 2


@pytest.mark.django_db
def test_the_command_lists_moments_by_the_clocks_of_whoever_reads(ines, unit):
    ines.time_zone = "Asia/Tokyo"
    ines.save()
    asked = {
        "unit": unit.label,
        "to": [ines.username],
        "every": "daily",
        "at": "08:00",
        "person": ines.username,
    }
    call_command("schedule_report", "unit", stdout=io.StringIO(), **asked)
    out = io.StringIO()

    call_command("schedule_report", "list", person=ines.username, stdout=out)

    assert "08:00 JST" in out.getvalue()


@pytest.mark.django_db
def test_the_desk_makes_one(client, unit):
    boss = UserFactory(is_staff=True, is_superuser=True, roles={"export": unit, "prepare": unit})
    client.force_login(boss)
    form = {
        "kind": "unit", "unit": unit.pk, "recipients": [boss.pk], "rhythm": "daily", "weekday": 1, "month_day": 1,
        "at_time": "08:00", "time_zone": "UTC",
    }  # fmt: skip

    answer = client.post(reverse("admin:reporting_scheduledreport_add"), form)

    assert answer.status_code == 302
    report = ScheduledReport.objects.get()
    assert client.get(reverse("admin:reporting_scheduledreport_change", args=[report.pk])).status_code == 200
    assert client.get(reverse("admin:reporting_reportmail_changelist")).status_code == 200


@pytest.mark.django_db
def test_a_folder_that_is_deleted_takes_its_reports_along_and_each_is_told_of(unit, ines, ana):
    folder = folder_in(unit)
    gone = scheduled(unit, ines, [ana], folder=folder.pk)
    stays = scheduled(unit, ines, [ana], folder=folder_in(unit, "Winter").pk)

    tree.delete(folder=folder, by=ines)

    assert list(ScheduledReport.objects.all()) == [stays]
    told = AuditEvent.objects.get(action="delete_scheduled_report")
    assert (told.target_id, told.actor, told.detail["with_folder"]) == (str(gone.pk), ines, folder.label)
    assert told.detail["recipients"] == [ana.pk]
