import asyncio
import json
import smtplib
import threading
from email.message import EmailMessage
from urllib.error import HTTPError
from urllib.parse import quote
from urllib.request import Request, urlopen

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox import receiver
from inbox.pages import serve_pages
from inbox.store import Inbox, Reader


class Running:
    """A mail server in a thread of its own, on a port of its own."""

    def __init__(self, file, policy):
        self.file, self.policy = file, policy
        self.loop = asyncio.new_event_loop()
        self.port = 0
        self.is_up = threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        inbox = Inbox(self.file)
        server = self.loop.run_until_complete(receiver.listen(inbox, self.policy, port=0))
        self.port = server.sockets[0].getsockname()[1]
        self.is_up.set()
        self.loop.run_forever()
        server.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        inbox.close()
        self.loop.close()

    def __enter__(self):
        self.thread.start()
        self.is_up.wait(10)
        return self

    def __exit__(self, *_):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)


@pytest.fixture
def server(tmp_path):
    with Running(tmp_path / "inbox.sqlite3", receiver.Policy(refuse=receiver.Refuse.NONE)) as running:
        yield running


@pytest.fixture
def strict_server(tmp_path):
    with Running(tmp_path / "inbox.sqlite3", receiver.Policy(refuse=receiver.Refuse.SOME)) as running:
        yield running


@pytest.fixture
def pages(server):
    pages = serve_pages(server.file, port=0)
    yield f"http://127.0.0.1:{pages.server_port}"
    pages.shutdown()
    pages.server_close()


def mail(to="ana@example.com", subject="Olá", text="Bom dia\n.\n..\nFim\n", number="1"):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "loja@example.com", to, subject
    message["Message-ID"] = f"<key.{number}@example.com>"
    message.set_content(text)
    message.add_alternative(f"<p>{text}</p><script>alert(1)</script>", subtype="html")
    return message


def send(server, *messages):
    with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as smtp:
        for message in messages:
            smtp.send_message(message)


def first_with(refusal):
    return next(a for a in (f"p{n}@example.com" for n in range(100_000)) if receiver.refusal_of(a) == refusal)


def read(url, **headers):
    with urlopen(Request(url, headers=headers), timeout=10) as answer:
        return answer.read().decode()


def converse(server, wire, pieces=1):
    """Send bytes as they are, cut into pieces, and return the codes of the replies."""

    async def talk():
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        size = max(1, -(-len(wire) // pieces))
        for start in range(0, len(wire), size):
            writer.write(wire[start : start + size])
            await writer.drain()
            await asyncio.sleep(0)
        replies = await asyncio.wait_for(reader.read(), 10)
        writer.close()
        return [line[:3].decode() for line in replies.splitlines() if line[3:4] == b" "]

    return asyncio.run(talk())


def test_it_offers_what_a_fast_sender_needs(server):
    with smtplib.SMTP("127.0.0.1", server.port, timeout=10) as smtp:
        smtp.ehlo()

        assert {"pipelining", "8bitmime", "smtputf8", "size"} <= set(smtp.esmtp_features)


def test_a_message_is_recorded_as_it_was_sent(server):
    send(server, mail())

    reader = Reader(server.file)
    (found,) = reader.messages()
    raw = reader.raw(found["id"])
    reader.close()
    assert found["recipient"] == "ana@example.com"
    assert found["message_id"] == "<key.1@example.com>"
    assert b"\r\n.\r\n..\r\nFim\r\n" in raw


def test_duplicates_are_counted_by_message_id(server):
    send(server, mail(number="1"), mail(number="2"), mail(number="2"))

    reader = Reader(server.file)
    counts = reader.count(id_prefix="<key.")
    reader.close()
    assert (counts["messages"], counts["duplicates"]) == (3, 1)


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_pipelined_conversation_is_answered_in_order(server, pieces):
    envelope = b"MAIL FROM:<a@example.com> BODY=8BITMIME\r\nRCPT TO:<b@example.com>\r\nDATA\r\n"
    wire = b"EHLO me\r\n" + envelope + b"Subject: 1\r\n\r\none\r\n.\r\n" + envelope + b".\r\nNOPE\r\nQUIT\r\n"

    codes = converse(server, wire, pieces)

    assert codes == ["220", "250", "250", "250", "354", "250", "250", "250", "354", "250", "500", "221"]


@pytest.mark.parametrize(
    ("wire", "code"),
    [
        (b"DATA\r\n", "503"),
        (b"RCPT TO:<b@example.com>\r\n", "503"),
        (b"MAIL FROM:a@example.com\r\n", "501"),
        (b"MAIL FROM:<a@example.com>\r\nMAIL FROM:<a@example.com>\r\n", "503"),
        (b"MAIL FROM:<a@example.com>\r\nRCPT TO:<>\r\n", "501"),
        (b"__class__\r\n", "500"),
        (b"x" * 5000, "500"),
    ],
)
def test_what_makes_no_sense_is_refused(server, wire, code):
    assert code in converse(server, wire + b"\r\nQUIT\r\n")


def test_some_recipients_do_not_exist_and_some_are_full(strict_server):
    unknown, full = first_with(receiver.UNKNOWN), first_with(receiver.FULL)

    for recipient, code in ((unknown, 550), (full, 552)):
        with pytest.raises(smtplib.SMTPRecipientsRefused) as refused:
            send(strict_server, mail(to=recipient))

        assert refused.value.recipients[recipient][0] == code


def test_some_are_refused_once_and_then_taken(strict_server):
    recipient = first_with(receiver.BUSY)
    with pytest.raises(smtplib.SMTPRecipientsRefused):
        send(strict_server, mail(to=recipient))

    send(strict_server, mail(to=recipient))

    reader = Reader(strict_server.file)
    counts = reader.count(to=recipient)
    reader.close()
    assert (counts["messages"], counts["refused"]) == (1, 1)


@given(st.emails())
def test_the_same_address_always_fares_alike(address):
    assert receiver.refusal_of(address) == receiver.refusal_of(address.upper().lower())


def test_about_two_in_a_hundred_are_refused():
    refused = sum(receiver.refusal_of(f"someone{n}@example.com") is not None for n in range(20_000))

    assert 300 < refused < 460


def test_the_inbox_page_finds_a_recipient_and_shows_the_message_in_a_box(server, pages):
    send(server, mail(to="ana@example.com", subject="<b>Olá</b>"), mail(to="bia@example.com", number="2"))

    found = read(f"{pages}/?to=ana")
    message = read(f"{pages}/messages/1")

    assert "ana@example.com" in found
    assert "bia@example.com" not in found
    assert "&lt;b&gt;Olá&lt;/b&gt;" in found
    assert 'sandbox="allow-popups' in message
    assert "<script>" not in message


def test_programs_read_the_inbox_as_json(server, pages):
    send(server, mail(), mail(number="2"))

    listing = json.loads(read(f"{pages}/api/messages?id_prefix={quote('<key.')}&limit=1"))
    older = json.loads(read(f"{pages}/api/messages?before={listing['next']}"))
    message = json.loads(read(f"{pages}/api/messages/1"))

    assert [m["message_id"] for m in listing["messages"]] == ["<key.2@example.com>"]
    assert [m["message_id"] for m in older["messages"]] == ["<key.1@example.com>"]
    assert ["Subject", "Olá"] in message["headers"]
    assert "Bom dia" in message["text"]
    assert message["text"].endswith("\n.\n..\nFim\n")


def test_another_sites_page_can_not_read_the_inbox(server, pages):
    with pytest.raises(HTTPError) as refused:
        read(pages, Host="evil.example:8026")

    assert refused.value.code == 403
    refused.value.close()
