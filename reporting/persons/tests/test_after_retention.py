"""Messages that are gone by a retention period: what hangs on them is told of, and erased, all the same."""

import json
from io import BytesIO
from zipfile import ZipFile

import pytest

from accounts.roles import root
from accounts.tests.factories import UserFactory
from campaign.lib import clock
from deliveries.ledger import deleting
from deliveries.models import Message
from feedback import forgetting
from feedback.models import IncomingMail, Reply, Report
from reporting.persons import erasing, exporting

pytestmark = pytest.mark.django_db


@pytest.fixture
def by():
    return UserFactory(roles={"administration": root()})


@pytest.fixture
def gone(profile, delivery):
    """The person, of whom no message is left and no report names an address."""
    IncomingMail.objects.update(read_at=clock.now())
    Reply.objects.update(forwarded_at=clock.now())
    Report.objects.update(settled_at=clock.now(), outcome="noted")
    while deleting.delete_recipients(delivery.pk):
        pass
    forgetting.empty_reports(delivery.pk)
    assert not Message.objects.filter(delivery=delivery).exists()
    return profile


def exported(profile, by):
    file = BytesIO()
    exporting.write(file=file, profile=profile, by=by, at=clock.now())
    with ZipFile(file) as archive:
        told = json.loads(archive.read("person.json"))["data"]
        mails = [archive.read(name) for name in archive.namelist() if name.startswith("mail/")]
    return told, mails


def mails_about(profile):
    return [mail.pk for mail in IncomingMail.objects.all() if profile.email.encode() in bytes(mail.raw)]


def test_an_export_holds_what_they_did_and_wrote(gone, by):
    told, mails = exported(gone, by)

    assert (len(told["hits"]), len(told["reports"]), len(told["replies"])) == (2, 1, 1)
    assert len(mails) == 2
    assert all(gone.email.encode() in mail for mail in mails)


def test_an_erasure_empties_what_they_wrote_and_nobody_else_s(gone, by):
    others = IncomingMail.objects.count() - len(mails_about(gone))

    whom = erasing.find(str(gone.pk), by=by)
    erasing.erase(whom, confirmed=whom.word, by=by, at=clock.now())

    assert mails_about(gone) == []
    assert sum(bool(mail.raw) for mail in IncomingMail.objects.all()) == others == 2


def test_what_comes_back_late_about_them_is_emptied_too(gone, delivery, by):
    whom = erasing.find(str(gone.pk), by=by)
    erasing.erase(whom, confirmed=whom.word, by=by, at=clock.now())
    late = IncomingMail.objects.create(
        raw=f"From: {gone.email}".encode(), digest=b"late", read_at=clock.now()
    )
    Reply.objects.create(mail=late, delivery=delivery, seq=1, forwarded_at=clock.now())

    erasing.carry_on_all()

    assert mails_about(gone) == []
