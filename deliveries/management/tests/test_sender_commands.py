"""The list of senders by commands: entered, listed with what DNS says, removed; and `doctor` on what is wrong."""

import pytest

from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from campaign.lib import clock
from deliveries.management.tests.calling import refused, run
from deliveries.models import DnsAnswer, Sender
from deliveries.overview.diagnosis import senders as diagnosis

pytestmark = pytest.mark.django_db


@pytest.fixture
def house():
    """A unit, one below it, and Diego who administers both."""
    above = UnitFactory(label="House")
    UnitFactory(label="Shop", parent=above)
    UserFactory(username="diego", roles={"administration": above})
    UserFactory(username="ana", roles={"prepare": above})
    return above


def test_a_sender_is_entered_listed_and_removed_by_commands(house):
    run("save_sender", "House", "@Serra-Alta.example", "--as", "diego")
    run(
        "save_sender",
        "Shop",
        "Shop@serra-alta.example",
        "--name",
        "The shop",
        "--reply-to",
        "Hi@serra-alta.example",
        "--as",
        "diego",
    )

    listed = run("list_senders", "Shop", "--ask", "--as", "diego")["senders"]

    assert [(each["address"], each["unit"], each["name"], each["reply_to"]) for each in listed] == [
        ("shop@serra-alta.example", "Shop", "The shop", "hi@serra-alta.example"),
        ("serra-alta.example", "House", "", ""),
    ]
    run("remove_sender", "House", "SERRA-ALTA.example", "--as", "diego")
    assert [each["address"] for each in run("list_senders", "Shop", "--as", "ana")["senders"]] == [
        "shop@serra-alta.example"
    ]


def test_each_change_is_in_the_trail_once(house):
    for name in ("A", "A", "B"):
        run("save_sender", "House", "a@serra-alta.example", "--name", name, "--as", "diego")
    run("remove_sender", "House", "a@serra-alta.example", "--as", "diego")

    events = AuditEvent.objects.filter(action__in=["save_sender", "remove_sender"]).order_by("pk")
    assert [(each.action, each.detail.get("after", {}).get("name")) for each in events] == [
        ("save_sender", "A"),
        ("save_sender", "B"),
        ("remove_sender", None),
    ]


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["a@gmail.com"], (1, "public_provider")),
        (["mail.uol.com.br"], (1, "public_provider")),
        (["nothing"], (2, "not_a_sender")),
        (["a b@example.com"], (2, "not_a_sender")),
        (["a@example.com", "--reply-to", "example.com"], (2, "not_an_address")),
        (["a@example.com", "--name", "two\nlines"], (2, "unfit_name")),
        (["a@example.com", "--name", "x" * 201], (2, "unfit_name")),
    ],
)
def test_what_can_be_no_sender_is_refused(house, arguments, answer):
    assert refused("save_sender", "House", *arguments, "--as", "diego") == answer
    assert not Sender.objects.exists()


def test_only_administrators_keep_the_list(house):
    Sender.objects.create(unit=house, address="serra-alta.example")

    for command in (
        ["save_sender", "House", "a@serra-alta.example"],
        ["remove_sender", "House", "serra-alta.example"],
        ["list_senders", "House", "--ask"],
    ):
        assert refused(*command, "--as", "ana")[0] == 1
    assert Sender.objects.count() == 1


def test_a_list_has_an_end(house):
    Sender.objects.bulk_create(Sender(unit=house, address=f"a{number}.example") for number in range(200))

    assert refused("save_sender", "House", "one-more.example", "--as", "diego") == (1, "too_many_senders")


def test_the_doctor_names_what_is_wrong_with_a_sender(house):
    Sender.objects.create(unit=house, address="news@serra-alta.com.br")
    said = {"answered_at": clock.now(), "tried_at": clock.now(), "wanted_at": clock.now()}
    DnsAnswer.objects.create(name="serra-alta.com.br", outcome="found", texts=["v=spf1 -all"], **said)
    DnsAnswer.objects.create(
        name="_dmarc.serra-alta.com.br", outcome="found", texts=["v=DMARC1; p=reject"], **said
    )

    found = list(diagnosis.of_senders(at=clock.now()))

    assert [(each.code, each.is_fault) for each in found] == [("dmarc_fails", True)]
    assert "DMARC of serra-alta.com.br says “reject”" in found[0].text
    DnsAnswer.objects.all().update(outcome="unknown", wanted_at=clock.now() - 2 * diagnosis.SILENT_FOR)
    assert [each.code for each in diagnosis.of_senders(at=clock.now())] == ["dns_silent"]
