"""Erasures outlive a backup: who was erased after it was made is erased again once it is restored."""

import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.models import ErasedProfile, Erasure, Profile, Quarantine, Suppression
from audiences.profiles import people
from audiences.quarantine import erased_addresses, quarantines
from audiences.tests.factories import ProfileFactory
from campaign.lib import clock
from reporting.persons import erasing, repeating

pytestmark = pytest.mark.django_db

ADDRESS = "ana.unique@example.com"


@pytest.fixture
def eraser():
    return UserFactory(roles={"administration": root()})


@pytest.fixture
def erased(eraser):
    """The list of an installation in which somebody was erased; and the backup of before is back."""
    ana = people.create(values={"email": ADDRESS, "first_name": "Ana"}, unit=root(), by=eraser)
    whom = erasing.of(ana, by=eraser)
    erasing.erase(whom, confirmed=whom.word, by=eraser, at=clock.now(), reference="T-104")
    record = json.loads(json.dumps(repeating.listed(by=eraser)))
    _set_back()
    ProfileFactory(pk=ana.pk, email=ADDRESS, unit=root())
    Profile.objects.filter(pk=ana.pk).update(created_at=clock.now() - timedelta(days=9))
    return record


def _set_back():
    ErasedProfile.objects.all().delete()
    Erasure.objects.all().delete()
    Suppression.objects.all().delete()


def test_a_list_names_nobody(erased):
    assert ADDRESS not in json.dumps(erased)
    assert [entry["reference"] for entry in erased["erasures"]] == ["T-104"]


def test_whom_a_backup_brought_back_is_erased_again_and_does_not_come_back(erased, eraser):
    ProfileFactory(email="rui@example.com")
    (again,) = repeating.repeat(repeating.read(erased), by=eraser, at=clock.now())
    assert again.reference == "T-104"
    assert [profile.email for profile in Profile.objects.all()] == ["rui@example.com"]
    assert erased_addresses.among([ADDRESS]) == {ADDRESS}
    assert AuditEvent.objects.filter(action="repeat_erasures").get().detail["erased"] == 1


def test_twice_does_no_harm(erased, eraser):
    record = repeating.read(erased)
    repeating.repeat(record, by=eraser, at=clock.now())
    assert repeating.repeat(record, by=eraser, at=clock.now()) == []


def test_an_address_that_came_under_another_number_is_found_by_its_keyed_hash(erased, eraser):
    Profile.objects.all().delete()
    ProfileFactory(email=ADDRESS, unit=root())
    assert len(repeating.repeat(repeating.read(erased), by=eraser, at=clock.now())) == 1
    assert not Profile.objects.exists()


def test_an_address_without_a_profile_goes_again(erased, eraser):
    Profile.objects.all().delete()
    quarantines.hold_by_hand(address=ADDRESS, error_text="550 unknown", at=clock.now(), by=eraser)
    assert len(repeating.repeat(repeating.read(erased), by=eraser, at=clock.now())) == 1
    assert not Quarantine.objects.exists()


def test_who_got_the_number_of_an_erased_profile_after_the_restore_stays(erased, eraser):
    Profile.objects.update(email="new@example.com", email_key="new@example.com", created_at=clock.now())
    assert repeating.repeat(repeating.read(erased), by=eraser, at=clock.now()) == []
    assert Profile.objects.get().email == "new@example.com"


def test_a_dry_run_changes_nothing(erased, eraser, tmp_path, capsys):
    file = tmp_path / "erasures.json"
    file.write_text(json.dumps(erased))
    call_command("repeat_erasures", str(file), "--dry-run", "--json", "--as", eraser.username)
    assert json.loads(capsys.readouterr().out) == {
        "erased": False, "profiles": list(Profile.objects.values_list("pk", flat=True)), "addresses": 0,
    }  # fmt: skip
    assert not Erasure.objects.exists()


def test_the_commands_write_a_list_and_erase_by_it(eraser, tmp_path, capsys):
    ana = people.create(values={"email": ADDRESS}, unit=root(), by=eraser)
    whom = erasing.of(ana, by=eraser)
    erasing.erase(whom, confirmed=whom.word, by=eraser, at=clock.now())
    file = tmp_path / "erasures.json"
    call_command("list_erasures", "--to", str(file), "--as", eraser.username)
    assert file.stat().st_mode & 0o077 == 0
    _set_back()
    ProfileFactory(email=ADDRESS, unit=root())
    call_command("repeat_erasures", str(file), "--yes", "--as", eraser.username)
    assert "Erased again: 1" in capsys.readouterr().out
    assert not Profile.objects.exists()


@pytest.mark.parametrize("act", ["list", "find", "repeat"])
def test_it_takes_the_right_on_the_topmost_unit(erased, act):
    somebody = UserFactory(roles={"administration": UnitFactory()})
    record = repeating.read(erased)
    with pytest.raises(NotAllowed):
        if act == "list":
            repeating.listed(by=somebody)
        elif act == "find":
            repeating.find(record, by=somebody)
        else:
            repeating.repeat(record, by=somebody, at=clock.now())


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ({"format": "other"}, "format"),
        ({"addresses": ["ana@example.com"]}, "addresses"),
        ({"erasures": {}}, "erasures must be a list"),
        ({"erasures": [7]}, "erasures[0] must be an object"),
        ({"erasures": [{"number": True}]}, "erasures[0].number"),
        ({"erasures": [{"number": 1, "profiles": [10**30]}]}, "erasures[0].profiles"),
        ({"erasures": [{"number": 1, "profiles": [1], "at": "2026-11-30"}]}, "erasures[0].at"),
        ({"erasures": [{"number": 1, "profiles": [], "reference": 3}]}, "erasures[0].reference"),
    ],
)
def test_what_is_no_list_is_refused_and_the_entry_is_named(broken, said):
    whole = {"format": "sinete-erasures", "version": 1, "erasures": [], "addresses": []}
    with pytest.raises(repeating.BadList) as refused:
        repeating.read(whole | broken)
    assert said in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"\xff", b"[" * 100_000, b"9" * 5_000, b"[]"])
def test_a_file_that_is_none_ends_with_a_message(eraser, tmp_path, text):
    file = tmp_path / "erasures.json"
    file.write_bytes(text)
    with pytest.raises(CommandError) as error:
        call_command("repeat_erasures", str(file), "--yes", "--as", eraser.username)
    assert error.value.returncode == 2
    assert "erasures.json" in str(error.value) or "format" in str(error.value)


def test_whoever_was_allowed_again_since_the_list_was_written_stays(eraser):
    ana = people.create(values={"email": ADDRESS}, unit=root(), by=eraser)
    whom = erasing.of(ana, by=eraser)
    erasing.erase(whom, confirmed=whom.word, by=eraser, at=clock.now())
    record = repeating.read(json.loads(json.dumps(repeating.listed(by=eraser))))
    erasing.allow_again(ADDRESS, by=eraser)
    people.create(values={"email": ADDRESS}, unit=root(), by=eraser)

    assert repeating.repeat(record, by=eraser, at=clock.now()) == []

    assert Profile.objects.get().email == ADDRESS
    assert not erased_addresses.among([ADDRESS])


def test_an_address_that_is_somebody_elses_external_id_takes_nobody_along(erased, eraser):
    Profile.objects.all().delete()
    ProfileFactory(email="rui@example.com", external_id=ADDRESS, unit=root())
    quarantines.hold_by_hand(address=ADDRESS, error_text="550 unknown", at=clock.now(), by=eraser)

    repeating.repeat(repeating.read(erased), by=eraser, at=clock.now())

    assert Profile.objects.get().email == "rui@example.com"
    assert not Quarantine.objects.exists()
