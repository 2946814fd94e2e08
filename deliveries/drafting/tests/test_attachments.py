"""Attachments from the upload to the wire: bounded, sealed, the same octets for everybody, with their cost."""

import email
import email.policy
import json
from io import BytesIO, StringIO

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from accounts import access
from accounts.models import AuditEvent
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UnitFactory, UserFactory
from audiences.tests.factories import TestProfileFactory
from campaign.lib import clock
from deliveries import drafting, proofs
from deliveries.admin.tests.desk import change, filled
from deliveries.confirmation import decisions
from deliveries.content.message import attached
from deliveries.drafting import attachments
from deliveries.drafting.attachments import AttachmentsTooLarge, TooManyAttachments, Upload
from deliveries.lifecycle import seal
from deliveries.models import Delivery, Status
from deliveries.tests.factories import DeliveryFactory, bring_to, person
from deliveries.tests.sends import send

pytestmark = pytest.mark.django_db(transaction=True)
TERMS, PRICES = ("Condições.pdf", b"%PDF-1.7 terms" * 100), ("価格.csv", b"a;1\r\n.b;2\r\n")


@pytest.fixture
def unit():
    return UnitFactory(label="Brasil")


def attach(delivery, *files, by=None, verb=attachments.attach):
    by = by or person("prepare", delivery.unit)
    uploads = [Upload(name, BytesIO(octets)) for name, octets in files]
    return [(one.name, one.size) for one in verb(delivery=delivery, by=by, at=clock.now(), files=uploads)]


def files_in(octets):
    message = email.message_from_bytes(octets, policy=email.policy.default)
    found = [(part.get_filename(), part.get_payload(decode=True)) for part in message.iter_attachments()]
    return [(name, content) for name, content in found if name]


def fresh(delivery):
    return Delivery.objects.get(pk=delivery.pk)


def at_stage(unit, stage, *files, **options):
    """A delivery with these files, brought to a stage."""
    delivery = DeliveryFactory(unit=unit, **options)
    attach(delivery, *files)
    bring_to(fresh(delivery), stage, by=person("prepare", unit))
    return fresh(delivery)


def test_every_recipient_gets_the_same_octets_which_are_encoded_once(unit, relay, monkeypatch):
    delivery = at_stage(unit, "scheduled", TERMS, PRICES, recipients=3)
    made, part = [], attached.part
    monkeypatch.setattr(attached, "part", lambda file: made.append(file.name) or part(file))

    send(delivery)

    assert delivery.status == Status.FINISHED
    assert [files_in(octets) for octets in relay.octets()] == [[TERMS, PRICES]] * 3
    assert made == [TERMS[0], PRICES[0]]


def test_a_file_of_the_same_name_takes_the_place_of_the_other(unit):
    delivery = DeliveryFactory(unit=unit)

    attach(delivery, TERMS, PRICES)
    assert attach(delivery, (TERMS[0], b"new")) == [(PRICES[0], len(PRICES[1])), (TERMS[0], 3)]
    assert attach(delivery, PRICES, verb=attachments.set_all) == [(PRICES[0], len(PRICES[1]))]
    assert attach(delivery, verb=attachments.set_all) == []


def test_what_changes_nothing_is_no_event(unit):
    delivery = DeliveryFactory(unit=unit)
    for _time in range(2):
        attach(delivery, TERMS)

    event = AuditEvent.objects.get(action="attach_files")
    assert (event.detail["names"], event.detail["octets"]) == ([TERMS[0]], len(TERMS[1]))


def test_size_and_number_are_bounded_and_no_more_is_read(unit, settings):
    settings.SINETE = settings.SINETE | {"attachments_most": 2, "attachments_megabytes": 1}
    delivery = DeliveryFactory(unit=unit)
    large = BytesIO(b"x" * (3 * 1024 * 1024))

    with pytest.raises(AttachmentsTooLarge, match="1 MB"):
        attachments.attach(
            delivery=delivery, by=person("prepare", unit), at=clock.now(), files=[Upload("a.pdf", large)]
        )
    assert large.tell() == 1024 * 1024 + 1
    attach(delivery, ("a.pdf", b"x" * (1024 * 1024)))
    with pytest.raises(AttachmentsTooLarge):
        attach(delivery, ("b.pdf", b"x"))
    attach(delivery, ("a.pdf", b"x"), ("b.pdf", b"x"))
    with pytest.raises(TooManyAttachments):
        attach(delivery, ("c.pdf", b"x"))
    assert attach(delivery, ("b.pdf", b"xy")) == [("a.pdf", 1), ("b.pdf", 2)]


def test_only_who_may_prepare_attaches_and_only_as_long_as_it_can_be_changed(unit):
    delivery = DeliveryFactory(unit=unit)
    with pytest.raises(access.NotAllowed):
        attach(delivery, TERMS, by=UserFactory(roles={"approve": unit}))

    sending = DeliveryFactory(unit=unit, sending=True)
    with pytest.raises(drafting.NotEditable):
        attach(sending, TERMS)


@pytest.mark.parametrize("step", ["attach", "detach", "replace"])
def test_a_change_after_approval_asks_for_approval_again(unit, step):
    delivery = at_stage(unit, "ready", TERMS)

    if step == "detach":
        by = person("prepare", unit)
        attachments.detach(delivery=delivery, by=by, at=clock.now(), names=[TERMS[0]])
    else:
        attach(delivery, PRICES if step == "attach" else (TERMS[0], b"other"))

    assert seal.changes(fresh(delivery)) == ["attachments"]
    assert fresh(delivery).status == Status.DRAFT


def test_attaching_to_what_was_sealed_before_there_were_attachments_is_a_change(unit, monkeypatch):
    with monkeypatch.context() as before:
        before.setattr(seal, "FORM", 2)
        delivery = DeliveryFactory(unit=unit, ready=True)
    assert seal.changes(delivery) == []

    attach(delivery, TERMS)

    assert fresh(delivery).status == Status.DRAFT


def test_octets_that_were_tampered_with_do_not_leave(unit, relay):
    delivery = at_stage(unit, "scheduled", TERMS, recipients=2)
    with connection.cursor() as cursor:
        cursor.execute("UPDATE deliveries_attachment SET data = 'other'")

    send(delivery)

    assert delivery.status == Status.FAILED
    assert relay.recipients() == []


def test_copies_and_proofs_have_them(unit, relay):
    delivery = DeliveryFactory(unit=unit)
    attach(delivery, TERMS, PRICES)
    by = person("prepare", unit)

    copy = drafting.duplicate(delivery=delivery, by=by)
    to = [TestProfileFactory(unit=unit)]
    proof = proofs.send(delivery=copy, by=by, at=clock.now(), test_profiles=to)
    proofs.run(proof_id=proof.pk)

    assert seal.live_parts(copy)["attachments"] == seal.live_parts(delivery)["attachments"]
    (octets,) = relay.octets()
    assert files_in(octets) == [TERMS, PRICES]


def test_the_confirmation_says_what_they_cost(unit):
    delivery = at_stage(unit, "ready", ("a.pdf", b"x" * 300_000), recipients=5)
    starter = person("start", unit)

    cost = decisions.question(delivery=delivery, by=starter, at=clock.now()).attachments
    page = signed_in(starter).get(reverse("deliveries:confirm", args=[delivery.pk])).content.decode()

    assert cost.names == ("a.pdf",)
    assert (cost.each, cost.total) == (410_528, 5 * 410_528)
    assert "400.9\xa0KB in each message, 2.0\xa0MB in all" in page


# -- the faces --------------------------------------------------------------------------------------------


def test_the_page_attaches_shows_gives_and_takes_away(unit):
    delivery = DeliveryFactory(unit=unit)
    browser = signed_in(person("prepare", unit))
    pages = {
        name: reverse(f"deliveries:{name}", args=[delivery.pk]) for name in ("attach", "detach", "content")
    }
    files = [SimpleUploadedFile(*TERMS), SimpleUploadedFile(*PRICES)]

    browser.post(pages["attach"], {"files": files})
    wrong = browser.post(pages["attach"], {"files": [SimpleUploadedFile("setup.exe", b"MZ")]}, follow=True)
    none = browser.post(pages["attach"], {}, follow=True)

    assert "mail servers refuse files that end in .exe" in wrong.content.decode()
    assert "Choose at least one file" in none.content.decode()
    for page in ("content", "dashboard", "preview"):
        shown = browser.get(reverse(f"deliveries:{page}", args=[delivery.pk])).content.decode()
        assert TERMS[0] in shown
        assert PRICES[0] in shown
    address = reverse("deliveries:attachment", args=[delivery.pk, delivery.attachments.first().pk])
    given = browser.get(address)
    assert given.content == TERMS[1]
    assert given["Content-Type"] == "application/octet-stream"
    assert "filename*=utf-8''Condi%C3%A7%C3%B5es.pdf" in given["Content-Disposition"]

    browser.post(pages["detach"], {"name": TERMS[0]})
    gone = browser.post(pages["detach"], {"name": TERMS[0]}, follow=True)
    assert "has no attachment" in gone.content.decode()
    assert [one.name for one in attachments.of(delivery)] == [PRICES[0]]


def test_only_who_may_see_the_delivery_downloads_and_only_its_own(unit):
    delivery, other = DeliveryFactory(unit=unit), DeliveryFactory(unit=UnitFactory())
    attach(delivery, TERMS)
    pk = delivery.attachments.get().pk
    stranger, reader = signed_in(person("prepare", other.unit)), signed_in(person("approve", unit))

    address = reverse("deliveries:attachment", args=[delivery.pk, pk])
    assert stranger.get(address).status_code == 404
    assert stranger.get(reverse("deliveries:attachment", args=[other.pk, pk])).status_code == 404
    assert reader.get(address).status_code == 200
    assert (
        reader.post(reverse("deliveries:detach", args=[delivery.pk]), {"name": TERMS[0]}).status_code == 403
    )
    assert stranger.post(reverse("deliveries:attach", args=[delivery.pk])).status_code == 404


def test_the_desk_attaches_and_takes_away(unit):
    delivery = DeliveryFactory(unit=unit)
    browser = signed_in(UserFactory(is_staff=True, roles={"prepare": unit}))

    browser.post(change(delivery), filled(unit) | {"attach": [SimpleUploadedFile(*TERMS)]})
    assert TERMS[0] in browser.get(change(delivery)).content.decode()
    browser.post(
        change(delivery), filled(unit) | {"take_away": [TERMS[0]], "attach": [SimpleUploadedFile(*PRICES)]}
    )

    assert [one.name for one in attachments.of(delivery)] == [PRICES[0]]


def test_the_command_sets_them(unit, tmp_path):
    UserFactory(username="ana", roles={"prepare": unit})
    delivery = DeliveryFactory(unit=unit)
    paths = [tmp_path / TERMS[0], tmp_path / PRICES[0]]
    for path, (_name, octets) in zip(paths, (TERMS, PRICES), strict=True):
        path.write_bytes(octets)

    def run(*files):
        out = StringIO()
        call_command("set_attachments", delivery.name, *map(str, files), "--as", "ana", "--json", stdout=out)
        return [one["name"] for one in json.loads(out.getvalue())["attachments"]]

    assert run(*paths) == [TERMS[0], PRICES[0]]
    assert run(*reversed(paths)) == [PRICES[0], TERMS[0]]
    assert run() == []
    with pytest.raises(CommandError, match="none"):
        run(tmp_path / "none.pdf")


def test_the_file_of_a_delivery_names_them(unit, tmp_path):
    UserFactory(username="ana", roles={"prepare": unit})
    (tmp_path / TERMS[0]).write_bytes(TERMS[1])
    file = tmp_path / "july.json"
    for names in ([TERMS[0]], ["none.pdf"], "x", [7]):
        file.write_text(json.dumps({"label": "July", "unit": "Brasil", "attachments": names}))
        if names == [TERMS[0]]:
            call_command("create_delivery", file, "--as", "ana", stdout=StringIO())
        else:
            with pytest.raises(CommandError, match="attachments"):
                call_command("create_delivery", file, "--as", "ana", stdout=StringIO())

    assert [one.name for one in attachments.of(Delivery.objects.get())] == [TERMS[0]]
