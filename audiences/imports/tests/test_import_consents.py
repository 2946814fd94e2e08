"""Files of other tools: whoever left there, or may have, gets nothing here."""

import io

import pytest

from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from audiences import imports
from audiences.imports import Options
from audiences.models import Attribute, ConsentDoubt, ConsentEvent, Import, Profile, Quarantine
from audiences.tests.factories import AttributeFactory, ProfileFactory


@pytest.fixture
def bring(db):
    """Import a text at once, and return what became of it."""
    importer = UserFactory(roles={"import": root(), "attributes": root()})

    def bring(content, *, unit=None, **options):
        importing = imports.register(
            name="people.csv", unit=unit or root(), by=importer, options=Options(**options)
        )
        return imports.run(import_id=importing.pk, open_file=lambda: io.BytesIO(content.encode()))

    return bring


def state():
    """By the beginning of the address: o opted out, u unclear, q in quarantine, d on the denylist, w to be written to."""
    held = dict(Quarantine.objects.values_list("address_key", "status"))
    return {
        profile.email.partition("@")[0]: "o" if profile.no_email or profile.no_contact
        else "u" if profile.consent_unclear
        else held.get(profile.email_key, "w")[0]
        for profile in Profile.objects.all()
    }  # fmt: skip


def test_a_doubt_holds_a_person_who_is_new_or_known_and_invents_no_opt_out(bring):
    ProfileFactory(email="known@x.example", external_id=None)

    importing = bring(
        "email,unsubscribed\nknown@x.example,perhaps\nnew@x.example,?\nout@x.example,2026-05-01\nin@x.example,\n"
    )

    assert state() == {"known": "u", "new": "u", "out": "o", "in": "w"}
    assert (importing.unclear, importing.opted_out) == (2, 1)
    assert ConsentEvent.objects.get().words == "unsubscribed: 2026-05-01"
    doubt = ConsentDoubt.objects.get(profile__email="known@x.example")
    assert (doubt.words, doubt.channel, doubt.reference) == (
        "unsubscribed: perhaps", "email", f"import {importing.pk}",
    )  # fmt: skip


def test_of_a_line_that_is_left_out_no_wish_is_told(bring):
    importing = bring("email,unsubscribed\na@x.example,\nb@x.example,perhaps\nTotal,perhaps\n")

    assert importing.unclear == 1
    assert list(importing.problems.order_by("line", "pk").values_list("line", "field")) == [
        (3, "unsubscribed"), (4, ""),
    ]  # fmt: skip


def test_every_column_about_consent_counts(bring):
    bring(
        "email,Opt-out,Opted out,unsubscribe_date\n"
        "a@x.example,,yes,\nb@x.example,no,,2025-01-01\nc@x.example,no,maybe,\nd@x.example,yes,maybe,\ne@x.example,,,\n"
    )

    assert state() == {"a": "o", "b": "o", "c": "u", "d": "o", "e": "w"}


@pytest.mark.parametrize(
    ("header", "cells", "states"),
    [
        ("Email,Status", ["Subscribed", "Unsubscribed", "Cleaned", "Pending"], "woqu"),
        ("EMAIL,EMAIL_BLACKLISTED", ["false", "true", "", "eh"], "wowu"),
        ("Email Address,UNSUB_TIME", ["", "2026-05-01 09:00:00", "0000-00-00 00:00:00", "soon"], "wowu"),
        ("email,Opt-in", ["yes", "no", "", "unknown"], "woou"),
        ("email,status", ["enabled", "blocklisted", "complained", "archived"], "wodu"),
        ("E-mail,Aceita receber?", ["sim", "não", "Sim", "depois"], "wowu"),
        ("email,Bounced,Complained", ["no,no", "yes,no", "no,yes", "yes,1"], "wqdd"),
        ("email,situacao", ["ativo", "descadastrado", "devolvido", ""], "woqu"),
        ("email,standing", ["subscribed", "unsubscribed", "cleaned", "subscribed"], "woqw"),
    ],
)
def test_the_export_of_another_tool(bring, header, cells, states):
    rows = [f"{letter}@x.example,{cell}" for letter, cell in zip("abcd", cells, strict=True)]

    bring("\n".join([header, *rows]) + "\n")

    assert "".join(state()[letter] for letter in "abcd") == states


def test_a_status_of_something_else_is_an_attribute(bring):
    importing = bring("email,status\na@x.example,gold\nb@x.example,silver\n", declare_attributes=True)

    assert importing.detected["declared"] == ["status"]
    assert state() == {"a": "w", "b": "w"}


def test_a_column_about_consent_is_no_attribute_though_one_has_its_name(bring):
    AttributeFactory(name="optin", kind=Attribute.Kind.TEXT)

    bring("email,optin\na@x.example,no\n")

    assert state() == {"a": "o"}


def test_what_earlier_rows_of_a_person_say_is_not_lost(bring):
    bring(
        "id,email,unsubscribed\n1,a@x.example,yes\n1,a@x.example,\n2,b@x.example,hm\n2,b@x.example,no\n"
        ",c@x.example,yes\n,C@x.example,no\n"
    )

    assert state() == {"a": "o", "b": "u", "C": "o"}


def test_an_opt_out_holds_for_each_profile_of_the_address(bring):
    ProfileFactory(external_id="C1", email="home@x.example")
    ProfileFactory(external_id="C2", email="Home@x.example")
    elsewhere = ProfileFactory(external_id="C3", email="home@x.example", unit=UnitFactory())

    bring("customer_id,email,unsubscribed\n77,home@x.example,yes\n", unit=UnitFactory())
    assert Profile.objects.filter(no_email=True).count() == 1

    bring("email,unsubscribed\nhome@x.example,yes\n")
    elsewhere.refresh_from_db()
    assert set(Profile.objects.values_list("no_email", flat=True)) == {True}


def test_a_released_address_that_complained_elsewhere_is_denied(bring):
    Quarantine.objects.create(address_key="a@x.example", status="valid")
    Quarantine.objects.create(address_key="b@x.example", status="denylist")

    importing = bring("email,status\na@x.example,complained\nb@x.example,bounced\n")

    assert dict(Quarantine.objects.values_list("address_key", "status")) == {
        "a@x.example": "denylist", "b@x.example": "denylist",
    }  # fmt: skip
    assert importing.held_addresses == 1


def test_date_source_and_words_of_a_consent_are_kept_once(bring):
    file = (
        "email,Opt-in,Consent date,Consent source,Consent text\n"
        "a@x.example,yes,2026-05-01 10:00,Shop,I want the newsletter\nb@x.example,yes,03/04/2026,Fair,\n"
    )

    bring(file)
    bring(file)

    first, second = ConsentEvent.objects.order_by("pk")
    assert (first.opted_out, first.source, first.words) == (False, "Shop", "I want the newsletter")
    assert first.at.isoformat() == "2026-05-01T10:00:00+00:00"
    assert (second.source, second.words) == ("Fair", "(03/04/2026)")


def test_the_same_file_again_asks_nothing_anew(bring):
    file = "email,unsubscribed\na@x.example,perhaps\n"
    bring(file)
    again = bring(file)

    assert (again.unclear, ConsentDoubt.objects.count()) == (0, 1)
    assert state() == {"a": "u"}


def test_an_id_of_several_addresses_is_refused_with_the_worst_shown(bring):
    file = "id,email\n7,a@x.example\n7,b@x.example\n7,c@x.example\n8,d@x.example\n8,e@x.example\n9,f@x.example\n9,F@x.example\n"

    refused = bring(file)

    assert (refused.status, Profile.objects.count()) == (Import.Status.REFUSED, 0)
    assert [problem.text for problem in refused.problems.all()] == [
        "The external id “7” stands beside 3 addresses.", "The external id “8” stands beside 2 addresses.",
    ]  # fmt: skip

    confirmed = bring(file, shared_ids=True)

    assert (confirmed.status, confirmed.created) == (Import.Status.DONE, 3)


@pytest.mark.parametrize("cell", ["1.23457E+12", "1,23457E+12", "1E+15", "-2.5e+10"])
def test_ids_that_a_spreadsheet_rounded_are_refused(bring, cell):
    file = f'customer_id,email\n"{cell}",a@x.example\nC2,b@x.example\n'

    assert bring(file).status == Import.Status.REFUSED
    assert bring(file, keep_good_rows=True).created == 1
    assert not Profile.objects.filter(email="a@x.example").exists()


def test_ids_that_only_look_so_come_in(bring):
    assert bring("id,email\n1E10,a@x.example\nA+1,b@x.example\n").created == 2


def test_what_can_be_read_in_two_ways_is_asked_and_then_taken_as_chosen(bring):
    AttributeFactory(name="spent", kind=Attribute.Kind.NUMBER)
    file = "email,spent,birth_date\na@x.example,2.500,03/04/1990\n"

    asked = bring(file)
    assert (asked.status, Profile.objects.count()) == (Import.Status.REFUSED, 0)
    assert {problem.field for problem in asked.problems.all()} == {"spent", "birth_date"}

    bring(file, decimal=",", dates="month")
    profile = Profile.objects.get()
    assert (profile.attributes, str(profile.birth_date)) == ({"spent": 2500}, "1990-03-04")


def test_addresses_are_taken_out_of_what_stands_around_them_and_that_is_told(bring):
    importing = bring(
        "email,first_name\nmailto:a@x.example,A\nAna <b@x.example>,B\n\u200bc@x.example\ufeff,\u200bCá\u200b\n"
        '"a@y.example; b@y.example",Two\n'
    )

    assert set(Profile.objects.exclude(email_key="").values_list("email_key", "first_name")) == {
        ("a@x.example", "A"), ("b@x.example", "B"), ("c@x.example", "Cá"),
    }  # fmt: skip
    assert importing.cleaned == 4
    assert importing.flagged == 1
