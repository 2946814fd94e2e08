"""Webhooks: signed, retried with growing pauses, to no internal network, and once for each event."""

import ipaddress
import json
import logging
import socket
import threading
import time
from datetime import timedelta

import pytest
from django.db import connection
from django.test import override_settings
from standardwebhooks import Webhook as Receiver
from standardwebhooks import WebhookVerificationError

from accounts.access import NotAllowed
from accounts.models import AuditEvent
from accounts.tests.factories import UnitFactory, UserFactory
from alerts import watching
from alerts.models import Condition, Webhook, WebhookAttempt, WebhookMessage
from alerts.tests.far_end import far_end
from alerts.webhooks import calling, reaching, registry, secrets
from campaign.lib import clock
from deliveries.models import Delivery
from deliveries.sending import gate
from deliveries.tests import certificates
from deliveries.tests.factories import DeliveryFactory, person

pytestmark = pytest.mark.django_db


def webhook_at(url, unit=None, **values):
    unit = unit or UnitFactory()
    administrator = person("administration", unit)
    return registry.create(unit=unit, label="Desk", url=url, by=administrator, at=clock.now(), **values)


def test_of(webhook):
    return registry.test(webhook=webhook, by=person("administration", webhook.unit), at=clock.now())


test_of.__test__ = False


def failed_delivery(unit):
    delivery = DeliveryFactory(unit=unit, sending=True)
    gate.fail(delivery.pk, because="What is prepared is not what was confirmed.")
    return delivery


def tell_again(message):
    """The next attempt, at once."""
    WebhookMessage.objects.filter(pk=message.pk).update(due_at=clock.now())
    return calling.call(message.pk)


def test_a_receiver_verifies_what_it_is_told_of_an_alert(end):
    webhook, secret = webhook_at(end.url)
    delivery = failed_delivery(webhook.unit)

    watching.look()
    watching.look()
    assert calling.call_due() == 1
    assert calling.call_due() == 0

    (told,) = end.told
    said = Receiver(secret).verify(told.body, told.headers)
    assert said["type"] == "alert.opened"
    assert (said["data"]["condition"], said["data"]["delivery"]) == ("failed", delivery.name)
    assert said["data"]["url"].endswith(f"/deliveries/{delivery.pk}/")
    assert told.path == "/hook?from=sinete"
    assert "@" not in told.body


def test_what_was_changed_on_the_way_is_not_verified(end):
    webhook, secret = webhook_at(end.url)
    calling.call(test_of(webhook).pk)
    (told,) = end.told

    with pytest.raises(WebhookVerificationError):
        Receiver(secret).verify(told.body.replace("Desk", "Disk"), told.headers)


def test_it_is_told_when_an_alert_is_over(end):
    webhook, _secret = webhook_at(end.url)
    delivery = failed_delivery(webhook.unit)
    watching.look()

    long_ago = clock.now() - timedelta(days=8)
    Delivery.objects.filter(pk=delivery.pk).update(ended_at=long_ago)
    watching.look()
    calling.call_due()

    assert [json.loads(each.body)["type"] for each in end.told] == ["alert.opened", "alert.closed"]


def test_only_those_of_the_unit_and_above_are_told_and_only_of_what_they_want(end):
    above = UnitFactory()
    unit = UnitFactory(parent=above)
    webhook_at(end.url + "&above", above)
    webhook_at(end.url + "&other", UnitFactory())
    webhook_at(end.url + "&late", unit, conditions=[Condition.LATE])
    webhook_at(end.url + "&failed", unit, conditions=[Condition.FAILED])
    failed_delivery(unit)

    watching.look()
    calling.call_due()

    assert {each.path.partition("&")[2] for each in end.told} == {"above", "failed"}


def test_an_error_is_tried_again_after_growing_pauses_under_the_same_id_and_then_given_up(end):
    webhook, _secret = webhook_at(end.url)
    end.status = 500
    message = test_of(webhook)

    pauses = []
    for _number in range(len(calling.PAUSES) + 1):
        attempt = tell_again(message)
        message.refresh_from_db()
        pauses.append(message.due_at and message.due_at - attempt.at)

    assert pauses == [*calling.PAUSES, None]
    assert message.is_given_up
    assert {each.headers["webhook-id"] for each in end.told} == {message.name}
    assert set(message.attempts.values_list("status", flat=True)) == {500}


def test_a_redirect_is_not_followed(end):
    webhook, _secret = webhook_at(end.url)
    end.status, end.headers = 307, {"Location": end.url + "&elsewhere"}

    attempt = calling.call(test_of(webhook).pk)

    assert (attempt.status, attempt.problem) == (307, reaching.REDIRECTS)
    assert len(end.told) == 1


def test_one_that_says_it_is_gone_is_told_nothing_any_more(end):
    webhook, _secret = webhook_at(end.url)
    end.status = 410

    calling.call(test_of(webhook).pk)

    webhook.refresh_from_db()
    assert not webhook.is_active
    assert webhook.stopped_because
    with pytest.raises(registry.NotActive):
        test_of(webhook)


def test_one_that_fails_holds_up_no_other(end):
    webhook, _secret = webhook_at(end.url + "&works")
    broken, _other = webhook_at("https://does-not-exist.invalid/", webhook.unit)
    for _number in range(3):
        test_of(broken)
    test_of(webhook)

    assert calling.call_due() == 1

    assert WebhookAttempt.objects.filter(message__webhook=broken).count() == 1


def test_a_slow_one_keeps_nobody_waiting_but_itself(end):
    slow, _secret = webhook_at(end.url)
    with far_end() as other:
        quick, _other_secret = webhook_at(other.url, slow.unit)
        answered = threading.Event()

        def until_the_other_was_told(handler):
            answered.wait(5)
            handler.send_response(204)
            handler.end_headers()

        end.instead = until_the_other_was_told
        other.instead = lambda handler: (
            handler.send_response(204),
            handler.end_headers(),
            len(other.told) == 3 and answered.set(),
        )
        for webhook in (slow, slow, quick, quick, quick):
            test_of(webhook)

        assert calling.call_due() == 5

        assert answered.is_set()
        assert (len(end.told), len(other.told)) == (2, 3)


def test_each_is_told_one_message_after_the_other_as_they_came(end):
    webhook, _secret = webhook_at(end.url)
    messages = [test_of(webhook) for _number in range(4)]

    assert calling.call_due() == 4

    assert [each.headers["webhook-id"] for each in end.told] == [each.name for each in messages]


def test_after_a_while_other_work_has_its_turn(end, monkeypatch):
    monkeypatch.setattr(calling, "SECONDS_A_JOB", 0.0)
    test_of(webhook_at(end.url)[0])

    assert calling.call_due() == 0
    assert calling.due(clock.now()).exists()


def drip(handler):
    """A letter now and then, and no end."""
    for letter in b"HTTP/1.1 200 OK\r\nX: " + b"x" * 100:
        time.sleep(0.05)
        try:
            handler.wfile.write(bytes([letter]))
        except OSError:
            return


def test_whoever_answers_a_letter_at_a_time_is_left_at_the_deadline(end):
    end.instead = drip
    began = time.monotonic()

    with pytest.raises(reaching.Unreached, match="in time"):
        reaching.post(end.url, body=b"{}", headers={}, seconds=0.3)

    assert time.monotonic() - began < 2


@pytest.fixture
def secure_end(end, tmp_path):
    """The other end by TLS, with a certificate of the tests' own authority."""
    context = certificates.certified("127.0.0.1", by=certificates.authority()).context(tmp_path)
    with far_end(tls=context) as running:
        yield running


def test_a_certificate_that_nobody_vouches_for_is_not_trusted(secure_end):
    with pytest.raises(reaching.Unreached, match="certificate"):
        reaching.post(secure_end.url, body=b"{}", headers={})

    assert secure_end.told == []


def test_one_that_an_authority_vouches_for_is_told_by_tls(secure_end, tmp_path, monkeypatch):
    file = tmp_path / "authority.crt"
    file.write_bytes(certificates.authority().pem)
    monkeypatch.setenv("SSL_CERT_FILE", str(file))

    assert reaching.post(secure_end.url, body=b"{}", headers={}).is_taken
    assert len(secure_end.told) == 1


def test_whoever_begins_no_handshake_is_left_at_the_deadline(end):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        with pytest.raises(reaching.Unreached, match="in time"):
            reaching.post(f"https://127.0.0.1:{silent.getsockname()[1]}/", body=b"", headers={}, seconds=0.3)

    assert time.monotonic() - began < 2


def test_of_a_large_answer_little_is_read(end):
    def flood(handler):
        handler.send_response(200)
        handler.end_headers()
        with pytest.raises(OSError):  # nobody reads on
            for _number in range(10_000):
                handler.wfile.write(b"x" * 65_536)

    end.instead = flood

    assert reaching.post(end.url, body=b"{}", headers={}).status == 200


def test_an_attempt_whose_worker_died_comes_again_by_itself(end):
    webhook, _secret = webhook_at(end.url)
    message = test_of(webhook)
    dead = calling._take(message.pk)
    assert calling.call(message.pk) is None

    tell_again(message)
    calling._note(dead, calling._Said(clock.now(), 500, reaching.REFUSED, milliseconds=1))

    message.refresh_from_db()
    assert message.taken_at is not None
    assert message.due_at is None


@pytest.mark.django_db(transaction=True)
def test_one_that_is_removed_while_it_is_told_makes_no_other_be_told_twice(end, monkeypatch):
    noted, note = threading.Event(), calling._note

    def note_and_say_so(*said):
        try:
            return note(*said)
        finally:
            noted.set()

    monkeypatch.setattr(calling, "_note", note_and_say_so)
    leaving, _secret = webhook_at(end.url)
    with far_end() as other:
        webhook, _other_secret = webhook_at(other.url, leaving.unit)
        told_first, message = test_of(leaving), test_of(webhook)

        def after_it_was_removed(handler):
            Webhook.objects.filter(pk=leaving.pk).delete()
            connection.close()
            handler.send_response(204)
            handler.end_headers()

        end.instead = after_it_was_removed
        other.instead = lambda handler: (
            noted.wait(5),
            handler.send_response(204),
            handler.end_headers(),
        )

        assert calling.call_due() == 1

    message.refresh_from_db()
    assert message.taken_at is not None
    assert not WebhookMessage.objects.filter(pk=told_first.pk).exists()


def test_for_a_day_a_new_secret_and_the_one_before_both_sign(end):
    webhook, old = webhook_at(end.url)
    new = registry.rotate(webhook=webhook, by=person("administration", webhook.unit), at=clock.now())
    calling.call(test_of(webhook).pk)
    Webhook.objects.update(old_secret_until=clock.now() - timedelta(seconds=1))
    calling.call(test_of(webhook).pk)

    both, alone = end.told
    for secret in (old, new):
        Receiver(secret).verify(both.body, both.headers)
    Receiver(new).verify(alone.body, alone.headers)
    with pytest.raises(WebhookVerificationError):
        Receiver(old).verify(alone.body, alone.headers)


def test_the_secret_is_kept_encrypted_and_outlives_another_key_of_the_installation(end, settings):
    webhook, secret = webhook_at(end.url)
    assert secret not in webhook.secret

    with override_settings(SECRET_KEY="another", SECRET_KEY_FALLBACKS=[settings.SECRET_KEY]):
        assert secrets.opened(webhook.secret) == secret
    with override_settings(SECRET_KEY="another"):
        attempt = calling.call(test_of(webhook).pk)
    assert attempt.problem == calling.UNSIGNED
    assert end.told == []


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "192.168.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1", "255.255.255.255",
        "::1", "::", "fe80::1", "fd00::1", "ff02::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "fec0::1", "::127.0.0.1", "::ffff:0:127.0.0.1",
        "2002:7f00:1::1",
    ],
)  # fmt: skip
def test_no_webhook_leads_into_an_internal_network(address):
    assert not reaching.is_allowed(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_a_public_address_is_called_by_https_alone(address):
    assert reaching.is_allowed(address)
    assert not reaching.is_allowed(address, scheme="http")


def test_a_name_that_leads_home_is_not_called(end, settings, monkeypatch):
    webhook, _secret = webhook_at(
        end.url.replace("http:", "https:").replace("127.0.0.1", "rebound.example.com")
    )
    settings.SINETE = settings.SINETE | {"webhook_networks": []}
    port = int(end.url.split(":")[2].split("/")[0])
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, port)) for ip in ("93.184.215.14", "127.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_args, **_kwargs: both)

    attempt = calling.call(test_of(webhook).pk)

    assert attempt.problem == reaching.NOT_PUBLIC
    assert end.told == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/hook", "ftp://example.com/", "https://", "example.com", "https://user:pass@example.com/",
        "https://example.com/a b", "https://example.com/\r\nX: y", "https://exämple.com/", "https://example.com:99999/",
        "https://example.com/#part", "https://[::1", "https://example.com/" + "a" * 500, "javascript:alert(1)",
        "https://10.0.0.1/hook", "https://[::1]/hook", "https://169.254.169.254/latest/",
    ],
)  # fmt: skip
def test_an_address_that_can_not_be_called_is_refused(url):
    with pytest.raises(registry.UnfitAddress, match="Address"):
        webhook_at(url)

    assert not Webhook.objects.exists()


def test_who_does_not_administer_the_unit_makes_none():
    unit = UnitFactory()

    with pytest.raises(NotAllowed):
        registry.create(
            unit=unit,
            label="x",
            url="https://example.com/",
            by=UserFactory(roles={"start": unit}),
            at=clock.now(),
        )


def test_neither_trail_nor_log_holds_a_secret_or_the_path_of_an_address(end, caplog):
    caplog.set_level(logging.DEBUG)
    webhook, secret = webhook_at(end.url + "&token=t0ps3cret")
    end.status = 500
    calling.call(test_of(webhook).pk)

    written = caplog.text + str(list(AuditEvent.objects.values_list("detail", flat=True)))
    assert secret not in written
    assert "t0ps3cret" not in written
    assert webhook.secret not in written
    assert "t0ps3cret" not in str(list(WebhookAttempt.objects.values()))


def test_networks_of_the_installation_are_called_by_http_too(settings):
    settings.SINETE = settings.SINETE | {"webhook_networks": [ipaddress.ip_network("10.2.0.0/16")]}

    assert reaching.is_allowed("10.2.3.4", scheme="http")
    assert not reaching.is_allowed("10.3.3.4")
    assert not reaching.is_allowed("93.184.215.14", scheme="http")
