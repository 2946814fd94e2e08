"""What headers and cells about consent say: no doubt is taken for a yes."""

import pytest

from audiences.imports.columns import wishes
from audiences.imports.columns.consent_headers import wish_of
from audiences.imports.columns.conventions import Evidence
from audiences.imports.columns.headers import field_of
from audiences.imports.columns.wishes import Asks, Says
from audiences.imports.staging.wish_rows import moment

OUT = (
    "1", "1.0", "1,0", "yes", "Yes", "TRUE", "sim", "s", "x", "X", "on", "ok", "oui", "ja", "sí", "да", "✓", "✔️", "☑", "✗",
    "☒", "*", "unsubscribed", "Unsubscribed", "UNSUB", "opted out", "Opt-Out", "descadastrado", "cancelado", "blacklisted",
    "abgemeldet", "désabonné", "do not contact", "2026-05-01", "2026-05-01 10:22:00", "2026-05-01T10:22:00Z", "01/05/2026",
    "5/1/2026 9:03 AM", "01.05.26", "May 1, 2026", "1 May 2026", "12-May-2026", "1 de maio de 2026", "2026-05", "20260501",
    "Fri, 1 May 2026 10:22:00 +0000", "1714550000", "1714550000000", "46143", "46143.5", '"1"',
)  # fmt: skip
NO = (
    "0",
    "0.0",
    "no",
    "não",
    "false",
    "off",
    "nein",
    "subscribed",
    "Active",
    "ativo",
    "not unsubscribed",
    "☐",
)
NOTHING = ("", "  ", "NULL", "0000-00-00 00:00:00")
UNCLEAR = (
    "perhaps",
    "talvez",
    "2",
    "-",
    "?",
    "#N/A",
    "N/A",
    "never",
    "pending",
    "Ana",
    "12",
    "-1",
    "yes and no",
    "2026",
)


@pytest.mark.parametrize(
    ("cells", "said"), [(OUT, Says.OUT), (NO, Says.NO), (NOTHING, Says.NOTHING), (UNCLEAR, Says.UNCLEAR)]
)
def test_what_an_opt_out_column_says(cells, said):
    assert {cell: wishes.said(Asks.OUT, cell) for cell in cells} == dict.fromkeys(cells, said)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("1", "1.0", "yes", "sim", "on", "✓", "subscribed", "aceito", "2026-05-01", "confirmed"), Says.NO),
        (
            ("", "NULL", "0", "0.0", "no", "não", "unsubscribed", "✗", "not subscribed", "não aceita"),
            Says.OUT,
        ),
        (("perhaps", "2", "?", "-", "#N/A", "pending", "weekly", "*"), Says.UNCLEAR),
        (("bounced", "cleaned"), Says.BOUNCED),
    ],
)
def test_what_an_opt_in_column_says(cells, said):
    assert {cell: wishes.said(Asks.IN, cell) for cell in cells} == dict.fromkeys(cells, said)


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (("subscribed", "Active", "enabled", "confirmed", "ativo", "opted in"), Says.NO),
        (("unsubscribed", "Unsubscribed", "blocklisted", "disabled", "opted-out", "descadastrado"), Says.OUT),
        (("bounced", "Cleaned", "hard bounce", "soft_bounced", "invalid"), Says.BOUNCED),
        (("complained", "spam", "Marked as spam", "abuse"), Says.COMPLAINED),
        (("unconfirmed", "pending", "Non-Subscribed", "archived", "gold", "3", "?"), Says.UNCLEAR),
    ],
)
def test_what_a_subscription_status_says(cells, said):
    assert {cell: wishes.said(Asks.STATUS, cell) for cell in cells} == dict.fromkeys(cells, said)


def test_bounces_and_complaints_are_a_yes_a_day_or_a_number_above_zero():
    for cell in ("yes", "1", "3", "2026-05-01", "hard bounce", "✓"):
        assert wishes.said(Asks.BOUNCED, cell) == Says.BOUNCED
        assert wishes.said(Asks.COMPLAINED, cell) in (Says.COMPLAINED, Says.BOUNCED)
    for cell in ("", "0", "no", "false"):
        assert wishes.said(Asks.COMPLAINED, cell) == Says.NOTHING
    assert wishes.said(Asks.BOUNCED, "perhaps") == Says.UNCLEAR


HEADERS = {
    Asks.OUT: (
        "unsubscribed", "Opt-out", "Opted out", "unsubscribe_date", "UNSUB_TIME", "EMAIL_BLACKLISTED", "Do Not Contact",
        "doNotContact", "HasOptedOutOfEmail", "Email Opt Out", "Descadastrado em", "Não enviar e-mail", "Não perturbe",
        "is_unsubscribed", "Sair da lista", "Do Not Mail", "suppressed",
    ),
    Asks.IN: (
        "Opt-in", "OPT_IN", "DOUBLE_OPT-IN", "subscribed", "isSubscribed", "Aceita receber?", "Accepts Marketing",
        "Accepts Email Marketing", "Newsletter", "Email permission", "consentimento", "LGPD", "Deseja receber e-mails?",
        "email_optin", "Permite e-mail", "Marketing consent",
    ),
    Asks.STATUS: ("subscription_status", "Email Marketing Status", "email status", "Status da assinatura", "list_status"),
    Asks.BOUNCED: ("Bounced", "CLEAN_TIME", "Hard bounced"),
    Asks.COMPLAINED: ("Complained", "Marked as spam"),
    Asks.WHY_OUT: ("UNSUB_REASON", "unsubscribe reason", "UNSUB_CAMPAIGN_ID"),
    Asks.GIVEN_AT: ("OPTIN_TIME", "CONFIRM_TIME", "Consent date", "Data do consentimento", "opt_in_date"),
    Asks.SOURCE: ("Consent source", "Origem do consentimento", "OPTIN_IP"),
    Asks.WORDS: ("Consent text", "texto do consentimento"),
}  # fmt: skip


@pytest.mark.parametrize("asks", HEADERS)
def test_headers_about_consent_are_known_as_other_tools_write_them(asks):
    found = {header: getattr(wish_of(header), "asks", None) for header in HEADERS[asks]}

    assert found == dict.fromkeys(HEADERS[asks], asks)


@pytest.mark.parametrize(
    "header",
    [
        "points", "segment", "last_order_on", "Quer café?", "company", "notes", "Último pedido", "data_recebimento",
        "spam_score", "bounce rate", "subscription_plan", "Do not call", "Estado", "UF", "MEMBER_RATING",
        "created_at", "Contact", "assinatura_digital",
    ],
)  # fmt: skip
def test_headers_about_other_things_are_left_alone(header):
    assert wish_of(header) is None


@pytest.mark.parametrize(
    ("header", "channel"),
    [("Opt-out", "email"), ("SMS_BLACKLISTED", "sms"), ("no_sms", "sms"), ("doNotContact", "any"), ("no_contact", "any")],
)  # fmt: skip
def test_a_header_names_its_channel(header, channel):
    assert wish_of(header).channel == channel


@pytest.mark.parametrize(
    ("header", "field"),
    [
        ("E-Mail-Adresse", "email"), ("Email Address 1", "email"), ("E-mail 1 - Value", "email"), ("first", "first_name"),
        ("Vorname", "first_name"), ("Contact Name", "first_name"), ("Nachname", "last_name"), ("Given Name", "first_name"),
        ("Phone 1 - Value", "phone"), ("Mobile Phone", "phone"), ("EXT_ID", "external_id"), ("E-mail 2 - Value", ""),
        ("E-mail 1 - Label", ""), ("Phone 1 - Type", ""),
    ],
)  # fmt: skip
def test_fields_are_known_as_other_tools_name_them(header, field):
    assert field_of(header) == field


@pytest.mark.parametrize(
    ("cells", "named_so", "is_status"),
    [
        (["unsubscribed"], True, True),
        (["unsubscribed", "vip"], True, True),
        (["unsubscribed", "vip"], False, False),
        (["subscribed", "cleaned", ""], False, True),
        (["active", "inactive"], True, False),
        (["SP", "RJ"], True, False),
        ([], True, False),
    ],
)
def test_a_column_is_a_status_where_somebody_left(cells, named_so, is_status):
    evidence = Evidence()
    evidence.look(cells)

    assert evidence.is_status(named_so=named_so) is is_status


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("2026-05-01", "2026-05-01T00:00:00+00:00"),
        ("2026-05-01 10:22:00", "2026-05-01T10:22:00+00:00"),
        ("2026-05-01T10:22:00-03:00", "2026-05-01T10:22:00-03:00"),
        ("31/05/2026 10:22", "2026-05-31T10:22:00+00:00"),
        ("03/04/2026", ""),
        ("spring", ""),
    ],
)
def test_the_date_of_a_consent_is_taken_where_it_can_be_read_in_one_way(text, at):
    assert moment(text) == at
