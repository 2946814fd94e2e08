"""What links in deliveries of a unit get: said by its administrators, for it and for all below."""

import json
from html import unescape
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts import access
from accounts.models import AuditEvent, OrganizationalUnit
from accounts.tests.browsers import signed_in
from accounts.tests.factories import UserFactory
from accounts.units import unit_links
from campaign.lib.link_parameters import BadParameter

pytestmark = pytest.mark.django_db


def administrator(unit):
    return UserFactory(roles={"administration": unit}, is_staff=True)


def save(unit, *pairs, domains=(), by=None):
    unit_links.save(unit=unit, parameters=pairs, domains=domains, by=by or administrator(unit))


def holds(unit):
    return unit_links.of_unit(OrganizationalUnit.objects.get(pk=unit.pk))


def test_what_a_unit_says_holds_below_where_that_says_nothing_else(above, below, django_assert_num_queries):
    save(above, ("utm_source", "house"), ("utm_medium", "email"), domains=["example.com"])
    save(below, ("utm_source", "shop"), ("utm_medium", ""))

    with django_assert_num_queries(1):
        found = unit_links.of_unit(below)
    assert found.said == (("utm_source", "shop"),)
    assert found.domains == ("example.com",)
    assert holds(above).said == (("utm_source", "house"), ("utm_medium", "email"))


def test_only_administrators_of_the_unit_say_it(above, below):
    for by in (UserFactory(roles={"prepare": above}), administrator(below)):
        with pytest.raises(access.NotAllowed):
            save(above, ("utm_source", "x"), by=by)


def test_it_is_audited_once_and_only_where_something_changed(above):
    save(above, ("utm_source", "house"))
    save(above, ("utm_source", "house"))

    event = AuditEvent.objects.get(action="save_link_parameters")
    assert event.detail["after"]["link_parameters"] == [["utm_source", "house"]]


def test_nothing_of_a_person_is_said(above):
    with pytest.raises(BadParameter, match="nothing of the person"):
        save(above, ("utm_id", "{{ profile.email }}"))


def test_the_command_says_it_and_answers_what_holds(above):
    administrator(above)
    boss = UserFactory(username="boss", roles={"administration": above})
    out = StringIO()
    call_command(
        "set_link_parameters", above.label, "utm_source=house", "ref={{ link.position }}", "--domain", "example.com",
        "--as", boss.username, "--json", stdout=out,
    )  # fmt: skip

    answer = json.loads(out.getvalue())
    assert answer["holds"] == [["utm_source", "house"], ["ref", "{{ link.position }}"]]
    assert answer["domains"] == ["example.com"]


FORM = {"approval_policy": "one", "grace_seconds": "", "proof_list": "", "seen": ""}


@pytest.mark.parametrize("face", ["page", "desk"])
def test_page_and_desk_say_it_too(face, above):
    browser = signed_in(administrator(above))
    page = (
        reverse("unit", args=[above.pk])
        if face == "page"
        else f"/admin/accounts/organizationalunit/{above.pk}/change/"
    )
    sent = FORM | {"label": above.label, "parent": above.parent_id}

    wrong = browser.post(page, sent | {"link_parameters": "utm_source", "link_domains": "a b"})
    browser.post(page, sent | {"link_parameters": "utm_source = house\r\n", "link_domains": "example.com"})

    assert "write it as name = value" in wrong.content.decode()
    assert "is not a domain" in wrong.content.decode()
    assert holds(above).in_words() == "utm_source=house (example.com)"
    assert "utm_source = house" in unescape(browser.get(page).content.decode())
