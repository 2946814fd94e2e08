"""All that is known of one person in one file: for who may, for a day, by a link that is theirs alone."""

import io
import json
import os
import stat
import zipfile
from datetime import timedelta
from io import StringIO

import django_rq
import pytest
from django.core import signing
from django.core.management import CommandError, call_command
from django.urls import reverse

from accounts import access
from accounts.models import AuditEvent, Role
from accounts.rights import Right
from accounts.roles import SHIPPED, sync_roles
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import Profile
from audiences.tests.factories import ProfileFactory
from campaign import errands
from campaign.lib import clock
from campaign.lib.jobs import Queue
from deliveries.models import Message
from reporting import jobs
from reporting.models import PersonExport, PersonExportPart
from reporting.persons import exporting
from reporting.persons.places import BY_CODE, PLACES

pytestmark = pytest.mark.django_db


def work():
    """The worker's part of all that was asked for."""
    for export in PersonExport.objects.filter(status=PersonExport.Status.QUEUED):
        jobs.export_person(export_id=export.pk)


def asked(profile, by):
    export = exporting.start(profile=profile, by=by, at=clock.now())
    work()
    export.refresh_from_db()
    return export


def opened(export):
    return zipfile.ZipFile(io.BytesIO(b"".join(exporting.pieces(export))))


def url(name, *args):
    return reverse(f"reporting:{name}", args=args)


def link(export):
    return f"{url('person-download', export.profile_id, export.pk)}?token={exporting.signed(export)}"


def body(response):
    return b"".join(response.streaming_content) if response.streaming else response.content


def test_everything_that_is_known_is_in_it(profile, administrator):
    file = opened(asked(profile, administrator))

    told = json.loads(file.read("person.json"))

    assert told["data"].keys() == BY_CODE.keys()
    assert [code for code, rows in told["data"].items() if not rows] == []
    for place in PLACES:
        assert {name for row in told["data"][place.code] for name in row} <= {
            "file", *told["words"][place.code]["fields"]
        }  # fmt: skip
    assert told["data"]["consents"][0]["channel"] == "email"
    assert any(
        row["text"] and row["text"]["words"]["en"]["consent"] == "Yes, write to me"
        for row in told["data"]["sign_ups"]
    )
    assert told["data"]["profile"][0]["email"] == profile.email


def test_nobody_else_is_in_it_and_no_colleague_is_named(profile, administrator):
    other = Profile.objects.get(
        pk=Message.objects.filter(seq=2).exclude(profile_id=profile.pk).first().profile_id
    )

    file = opened(asked(profile, administrator))
    everything = b"".join(file.read(name) for name in file.namelist()).decode()

    assert profile.email in everything
    assert other.email not in everything
    assert "Colleague" not in everything
    assert administrator.username not in everything


def test_messages_and_mail_are_files_that_the_data_point_to(profile, administrator):
    file = opened(asked(profile, administrator))
    told = json.loads(file.read("person.json"))

    named = [row["file"] for code in ("messages", "incoming_mail") for row in told["data"][code]]

    assert set(named) <= set(file.namelist())
    assert len(named) == len(set(named)) > 2
    message = file.read(told["data"]["messages"][0]["file"]).decode()
    assert "See the offers" in message
    assert "Content-Security-Policy" in message
    assert profile.email.encode() in file.read(told["data"]["incoming_mail"][0]["file"])


def test_the_page_to_read_names_fields_in_both_languages(profile, administrator):
    page = opened(asked(profile, administrator)).read("person.html").decode()

    assert "Opens and clicks" in page
    assert "Aberturas e cliques" in page
    assert profile.email in page
    assert "<script" not in page


def test_what_is_written_in_a_profile_runs_nowhere(profile, administrator):
    Profile.objects.filter(pk=profile.pk).update(city="<script>alert(1)</script>")

    page = opened(asked(profile, administrator)).read("person.html").decode()

    assert "<script" not in page


def test_the_same_address_under_another_unit_is_told_and_not_included(profile, unit, client):
    branch, beside = UnitFactory(parent=unit), UnitFactory(parent=unit)
    Profile.objects.filter(pk=profile.pk).update(unit=branch)
    profile.refresh_from_db()
    secret = ProfileFactory(unit=beside, email=profile.email, first_name="Sibylle")
    by = UserFactory(roles={"administration": branch})

    file = opened(asked(profile, by))

    assert json.loads(file.read("person.json"))["same_address_elsewhere"] == {"profiles": [], "hidden": 1}
    assert "Sibylle" not in file.read("person.html").decode()
    client.force_login(by)
    assert "1 profile of a unit" in client.get(url("person-export", profile.pk)).content.decode()
    assert exporting.elsewhere(profile, by=UserFactory(roles={"administration": unit})) == {
        "profiles": [{"profile": secret.pk, "unit": beside.label}], "hidden": 0
    }  # fmt: skip


def test_it_is_asked_for_followed_and_downloaded_on_the_page(profile, administrator, client):
    page = url("person-export", profile.pk)
    client.post(page)
    assert "Being made" in client.get(page).content.decode()
    work()
    export = PersonExport.objects.get(by=administrator)

    shown = client.get(page).content.decode()
    got = client.get(link(export))

    assert "Ready to download" in shown
    assert url("person-download", profile.pk, export.pk) in shown
    assert zipfile.ZipFile(io.BytesIO(body(got))).testzip() is None
    assert got.headers["Content-Disposition"] == f'attachment; filename="person-{profile.pk}-{export.pk}.zip"'
    assert list(
        AuditEvent.objects.filter(actor=administrator, target_id=str(profile.pk)).order_by("id").values_list("action", flat=True)
    ) == ["export_person", "download_person"]  # fmt: skip


def test_it_is_asked_for_at_the_desk(profile, administrator, client):
    client.post(reverse("admin:reporting_personexport_add"), {"profile": profile.pk})
    work()
    export = PersonExport.objects.get(by=administrator)

    shown = client.get(reverse("admin:reporting_personexport_change", args=[export.pk])).content.decode()
    listed = client.get(reverse("admin:reporting_personexport_changelist")).content.decode()
    desk = client.get(reverse("admin:audiences_profile_change", args=[profile.pk])).content.decode()

    assert export.is_ready
    assert url("person-export", profile.pk) in shown
    assert str(export) in listed
    assert url("person-export", profile.pk) in desk
    assert url("profile_history", profile.pk) in desk


def test_a_link_is_good_for_who_asked_alone_and_for_minutes(profile, administrator, client, unit):
    export = asked(profile, administrator)
    other = UserFactory(roles={"administration": unit})
    theirs = asked(profile, other)
    stale = signing.dumps([export.pk, administrator.pk], salt="something else")

    address = url("person-download", profile.pk, export.pk)
    assert client.get(address).status_code == 302
    assert client.get(f"{address}?token={stale}").status_code == 302
    assert client.get(f"{address}?token={exporting.signed(theirs)}").status_code == 302
    assert client.get(link(theirs)).status_code == 404
    client.force_login(other)
    assert client.get(link(export)).status_code == 404


def test_an_old_link_leads_back_to_the_page(profile, administrator, client, monkeypatch):
    export = asked(profile, administrator)
    monkeypatch.setattr(exporting, "LINK_SECONDS", -1)

    answer = client.get(link(export), follow=True)

    assert "This link is no longer good" in answer.content.decode()


def test_a_right_that_is_gone_ends_the_download_and_the_making(profile, administrator, client, unit):
    ready = asked(profile, administrator)
    waiting = exporting.start(profile=profile, by=administrator, at=clock.now())
    access.revoke(grant=administrator.role_grants.get(), by=None)

    work()

    waiting.refresh_from_db()
    assert waiting.status == PersonExport.Status.FAILED
    assert client.get(link(ready)).status_code in (403, 404)


def test_after_its_day_the_file_is_gone(profile, administrator, client):
    export = asked(profile, administrator)
    PersonExport.objects.filter(pk=export.pk).update(expires_at=clock.now() - timedelta(seconds=1))
    assert client.get(link(export)).status_code == 302

    jobs.forget_person_exports()
    jobs.forget_person_exports()

    assert not PersonExport.objects.filter(pk=export.pk).exists()
    assert not PersonExportPart.objects.exists()


def test_it_is_removed_before_its_time(profile, administrator, client):
    export = asked(profile, administrator)

    client.post(url("person-export-withdraw", profile.pk, export.pk))

    assert not PersonExport.objects.filter(pk=export.pk).exists()
    assert not PersonExportPart.objects.exists()
    assert AuditEvent.objects.filter(action="withdraw_person_export", actor=administrator).exists()


def test_nobody_removes_anothers(profile, administrator, client, unit):
    export = asked(profile, administrator)
    client.force_login(UserFactory(roles={"administration": unit}))

    assert client.post(url("person-export-withdraw", profile.pk, export.pk)).status_code == 404
    assert PersonExport.objects.filter(pk=export.pk).exists()


def test_asked_for_twice_it_is_made_once(profile, administrator):
    first = exporting.start(profile=profile, by=administrator, at=clock.now())

    assert exporting.start(profile=profile, by=administrator, at=clock.now()) == first
    assert AuditEvent.objects.filter(action="export_person").count() == 1


def test_a_job_that_runs_twice_makes_one_file(profile, administrator):
    export = asked(profile, administrator)
    before = b"".join(exporting.pieces(export))

    jobs.export_person(export_id=export.pk)

    assert b"".join(exporting.pieces(export)) == before


def test_one_whose_job_was_lost_is_asked_for_again(
    profile, administrator, django_capture_on_commit_callbacks
):
    PersonExport.objects.create(profile=profile, by=administrator, at=clock.now() - timedelta(hours=1))

    with django_capture_on_commit_callbacks(execute=True):
        errands.look()

    names = [job.func_name for job in django_rq.get_queue(Queue.DEFAULT).get_jobs()]
    assert "reporting.jobs.export_person" in names


def test_its_progress_counts_places_and_messages(profile, administrator):
    export = asked(profile, administrator)

    assert export.done == export.total == len(PLACES) + Message.objects.filter(profile_id=profile.pk).count()


@pytest.mark.parametrize("role", sorted(SHIPPED))
def test_it_takes_a_right_of_its_own_that_administrators_hold(role, profile, unit, client):
    client.force_login(UserFactory(roles={role: unit}))

    status = client.get(url("person-export", profile.pk)).status_code

    holds = Right.EXPORT_PERSON in SHIPPED[role][2]
    assert holds == (role == "administration")
    sees = Right.VIEW in SHIPPED[role][2]
    assert status == (200 if holds else 403 if sees else 404)


def test_administrators_of_before_have_the_right_after_an_update(unit):
    old = [right.value for right in SHIPPED["administration"][2] if right != Right.EXPORT_PERSON]
    Role.objects.filter(pk="administration").update(rights=old)
    user = UserFactory(roles={"administration": unit})
    assert not access.can(user, Right.EXPORT_PERSON, unit)

    sync_roles()

    assert access.can(user, Right.EXPORT_PERSON, unit)


def run(*arguments):
    out = StringIO()
    call_command("export_person", *arguments, stdout=out)
    return out.getvalue()


def test_the_command_writes_the_same_closed_to_others(profile, administrator, tmp_path):
    path = tmp_path / "out.zip"

    answer = json.loads(run(profile.email, "--to", str(path), "--as", administrator.username, "--json"))

    assert answer["octets"] == path.stat().st_size
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert json.loads(zipfile.ZipFile(path).read("person.json"))["data"].keys() == BY_CODE.keys()
    assert AuditEvent.objects.filter(action="export_person", actor=administrator, face="command").exists()
    assert not PersonExport.objects.filter(by=administrator).exists()


def test_the_command_overwrites_nothing(profile, administrator, tmp_path):
    path = tmp_path / "out.zip"
    path.write_text("mine")

    with pytest.raises(CommandError) as refusal:
        run(profile.email, "--to", str(path), "--as", administrator.username)

    assert refusal.value.returncode == 2
    assert path.read_text() == "mine"


def test_without_the_right_the_command_writes_nothing(profile, marketer, tmp_path):
    path = tmp_path / "out.zip"

    with pytest.raises(CommandError) as refusal:
        run(profile.email, "--to", str(path), "--as", marketer.username)

    assert refusal.value.returncode == 1
    assert not path.exists()
