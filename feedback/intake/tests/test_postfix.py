"""A real mail server takes a message, is refused by the next one, and says so by mail: its report, as it comes."""

import io
import socketserver
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import pytest
from django.core.management import call_command

from accounts.roles import root
from audiences.models import Quarantine
from deliveries.ledger import books
from deliveries.models import Delivery, Message, Status
from deliveries.routing import routes
from deliveries.tests.factories import DeliveryFactory, audience_of
from deliveries.tests.ledger_rows import statuses
from deliveries.tests.postfix import PASSWORD, Postfix, postfix_running
from deliveries.tests.sends import send
from feedback import jobs
from feedback.intake import sources
from feedback.models import MailSource, Outcome, Report
from feedback.tests import dovecot

pytestmark = pytest.mark.django_db(transaction=True)
RETURNS, GONE = "returns.serra-alta.example", "gone.example"


class Refusing(socketserver.StreamRequestHandler):
    """Takes every command but a recipient."""

    def handle(self) -> None:
        self.wfile.write(b"220 mx.gone.example ESMTP\r\n")
        for line in self.rfile:
            word = line[:4].upper()
            if word == b"RCPT":
                self.wfile.write(b"550 5.1.1 User unknown\r\n")
            else:
                self.wfile.write(b"221 2.0.0 Bye\r\n" if word == b"QUIT" else b"250 2.0.0 Ok\r\n")


@contextmanager
def refusing() -> Iterator[int]:
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with postfix_running() as relay, refusing() as port:
        relay.leads(GONE, port=port)
        yield relay


@pytest.fixture
def refused(postfix: Postfix, settings) -> Delivery:
    """A delivery that postfix took, to somebody whose own mail server does not know them; its report has come."""
    settings.RELAY_URL = (
        f"smtp+starttls://news%40relay.example:{quote(PASSWORD, safe='')}@127.0.0.1:{postfix.port}"
        f"?ca_file={quote(postfix.ca_file)}"
    )
    settings.MAIL_FOLDERS = [str(postfix.folder)]
    route = routes.default_route()
    route.return_path_domain = RETURNS
    route.save()
    audience = audience_of(root(), 1)
    profile = audience.members.get().profile
    profile.email = profile.email_key = f"ana@{GONE}"
    profile.save()
    delivery: Delivery = DeliveryFactory(scheduled=True, audience=audience)
    send(delivery)
    assert (delivery.status, statuses(delivery)) == (Status.FINISHED, ["SENT"])
    end = time.monotonic() + 60
    while not list((postfix.inbox / "new").glob("*")):
        assert time.monotonic() < end, postfix.log[-4000:]
        time.sleep(0.05)
    return delivery


def assert_it_bounced(delivery: Delivery) -> None:
    report = Report.objects.get()
    row = Message.objects.get(delivery=delivery)
    delivery.refresh_from_db()
    assert (report.kind, report.status, report.outcome) == ("hard", "5.1.1", Outcome.BOUNCED)
    assert report.recipient == row.address == f"ana@{GONE}"
    assert "User unknown" in report.diagnostic
    assert (delivery.status, statuses(delivery)) == (Status.FINISHED, ["BOUNCED"])
    assert books.imbalance(delivery) == {}
    assert Quarantine.objects.get(address_key=row.address).status == "quarantine"


def test_its_report_is_fetched_from_a_folder_and_moves_message_and_address(refused, postfix):
    source = MailSource.objects.create(label="Bounces", kind="maildir", path=str(postfix.inbox), removes=True)

    assert sources.fetch(source) == 1
    jobs.read_mail()

    assert_it_bounced(refused)
    assert not list((postfix.inbox / "new").glob("*"))


def test_its_report_is_fetched_from_a_mailbox_behind_imap(refused, postfix, monkeypatch):
    with dovecot.serving(postfix.inbox, owner="postfix") as server:
        monkeypatch.setenv("BOUNCES_PASSWORD", dovecot.PASSWORD)
        monkeypatch.setenv("SSL_CERT_FILE", server.ca_file)
        source = MailSource.objects.create(
            label="Bounces", kind="imap", host="127.0.0.1", port=server.tls_port, username="bounces",
            password_variable="BOUNCES_PASSWORD", removes=True,
        )  # fmt: skip

        assert [sources.fetch(source), sources.fetch(source)] == [1, 0]
        jobs.read_mail()

    assert_it_bounced(refused)
    assert not list(postfix.inbox.glob("*/*:2,*"))


def test_its_report_is_taken_from_a_pipe_and_a_second_time_changes_nothing(refused, postfix, monkeypatch):
    (octets,) = postfix.delivered(1)

    for _time in range(2):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(octets)))
        call_command("receive_bounce")
        jobs.read_mail()

    assert_it_bounced(refused)
