"""Signatures, read by two verifiers that know nothing of ours; only the DNS that they ask is a stub."""

import re
from collections.abc import Iterator
from pathlib import Path

import dkim as dkimpy
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries.channels.dkim import Record, Signer, UnusableKey, canonical_body, read_key
from deliveries.tests.dkim_keys import dkimpy_says, pem, perl_says

MESSAGE = (
    b"From: =?utf-8?b?U2VycmEgQWx0YQ==?= <news@example.com>\r\n"
    b"To: Ana <ana@example.org>\r\n"
    b"Subject: =?utf-8?b?w6k=?=\r\n =?utf-8?b?w6k=?=\r\n"
    b"Date: Wed, 25 Nov 2026 20:58:15 +0000\r\n"
    b"Message-ID: <1@example.com>\r\n"
    b"List-Unsubscribe: <https://example.com/u/1>\r\n"
    b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    b"MIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\n"
    b"Content-Transfer-Encoding: base64\r\n"
    b"\r\n"
    b"aGVsbG8=\r\n"
)
KINDS = pytest.mark.parametrize("kind", ["rsa", "ed25519"])


def signer(kind: str = "rsa", *, domain: str = "example.com", selector: str = "s1") -> Signer:
    return Signer(domain=domain, selector=selector, key=read_key(pem(kind)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    return tmp_path_factory.mktemp("verifier")


@KINDS
def test_two_verifiers_believe_a_signature(kind, folder):
    sign = signer(kind)

    signed = sign(MESSAGE)

    assert signed.endswith(b"\r\n" + MESSAGE)
    assert dkimpy_says(signed, sign.record)
    assert perl_says(signed, sign.record, folder) == "pass"


@KINDS
@pytest.mark.parametrize(
    "change",
    [
        (b"aGVsbG8=", b"aGVsbG9v"),
        (b"news@example.com", b"news@example.net"),
        (b"One-Click", b"One-Clock"),
        (b"https://example.com/u/1", b"https://example.com/u/2"),
        (b"\r\nTo: ", b"\r\nFrom: other@example.com\r\nTo: "),
        (b"\r\nTo: ", b"\r\nSubject: other\r\nTo: "),
        (b"\r\nTo: ", b"\r\nReply-To: other@example.com\r\nTo: "),
    ],
)
def test_whoever_changes_or_adds_something_is_found_out(kind, change, folder):
    sign = signer(kind)

    forged = sign(MESSAGE).replace(*change, 1)

    assert forged != sign(MESSAGE)
    assert not dkimpy_says(forged, sign.record)
    assert perl_says(forged, sign.record, folder).startswith("fail")


def test_a_relay_may_fold_and_space_anew(folder):
    sign = signer()

    passed_on = (
        sign(MESSAGE)
        .replace(b"To: Ana", b"TO:   Ana\r\n ")
        .replace(b"aGVsbG8=\r\n", b"aGVsbG8=  \r\n\r\n\r\n")
        .replace(b"\r\nMIME-Version: ", b"\r\nX-Relay: passed\r\nMIME-Version: ")
    )

    assert dkimpy_says(passed_on, sign.record)
    assert perl_says(passed_on, sign.record, folder) == "pass"


def test_what_is_signed():
    signed = signer()(MESSAGE)

    found = re.search(rb"h=([^;]+);", signed)
    assert found is not None
    names = re.sub(rb"\s", b"", found.group(1)).lower().split(b":")
    assert names.count(b"from") == 2
    assert {b"list-unsubscribe", b"list-unsubscribe-post", b"subject", b"to", b"date", b"message-id"} <= set(
        names
    )
    assert max(len(line) for line in signed.split(b"\r\n")) <= 100


@given(
    body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b".", "é".encode()]), max_size=30).map(
        b"".join
    ),
    subject=st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=60).map(str.strip),
)
@settings(max_examples=150, deadline=None)
def test_our_canonical_forms_are_those_of_dkimpy(body, subject):
    sign = signer("ed25519")
    head = MESSAGE.partition(b"\r\n\r\n")[0].replace(b"<1@", f"<{subject.encode().hex()}@".encode())
    message = head.replace(b"Subject: ", f"Subject: {subject}  \t x".encode()) + b"\r\n\r\n" + body

    assert dkimpy_says(sign(message), sign.record)


@given(body=st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"b\r\n"])).map(b"".join))
def test_a_canonical_body_is_its_own(body):
    once = canonical_body(body)

    assert canonical_body(once) == once
    assert once == b"" or once.endswith(b"\r\n")


def test_the_public_key_is_ready_to_copy():
    record = signer("rsa", domain="bücher.example").record

    assert record.name == "s1._domainkey.xn--bcher-kva.example"
    assert record.value.startswith("v=DKIM1; k=rsa; p=MIIB")
    strings = re.findall(r'"([^"]*)"', record.zone_line)
    assert "".join(strings) == record.value
    assert max(len(each) for each in strings) <= 255


def test_the_record_of_the_wrong_key_is_not_believed(folder):
    sign = signer()
    other = Record(sign.record.name, signer("rsa1024").record.value)

    assert not dkimpy_says(sign(MESSAGE), other)
    assert perl_says(sign(MESSAGE), other, folder).startswith("fail")


def curve_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def locked_key() -> bytes:
    key = serialization.load_pem_private_key(pem("rsa"), None)
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.BestAvailableEncryption(b"x"),
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (lambda: b"", "no private key"),
        (lambda: b"-----BEGIN PRIVATE KEY-----\nrubbish\n-----END PRIVATE KEY-----\n", "no private key"),
        (curve_key, "neither RSA nor Ed25519"),
        (locked_key, "passphrase"),
    ],
)
def test_a_key_that_can_t_sign_is_refused_by_name(text, problem):
    with pytest.raises(UnusableKey, match=problem):
        read_key(text())


@pytest.mark.parametrize(
    ("domain", "selector"), [("exa mple.com", "s"), ("", "s"), ("example.com", ""), ("example.com", "a b"), ("example.com", "a;b"), ("example.com", "-a")]
)  # fmt: skip
def test_names_that_dns_can_t_hold_are_refused(domain, selector):
    with pytest.raises(UnusableKey):
        signer(domain=domain, selector=selector)


def test_a_bare_line_end_is_signed_as_it_will_leave():
    sign = signer("ed25519")

    signed = sign(MESSAGE.replace(b"aGVsbG8=\r\n", b"aGVs\nbG8=\n"))

    assert b"aGVs\r\nbG8=\r\n" in signed
    assert dkimpy.verify(signed, dnsfunc=lambda name, timeout=5: sign.record.value.encode())
