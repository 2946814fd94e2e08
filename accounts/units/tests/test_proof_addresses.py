"""Where proofs may go: a list by unit, that a unit below only narrows; without one the domains of its people."""

import json
from html import unescape
from io import StringIO

import pytest
from django.core.management import call_command
from django.urls import reverse

from accounts import access
from accounts.models import AuditEvent, OrganizationalUnit, User
from accounts.people import people
from accounts.roles import root
from accounts.tests.factories import UnitFactory, UserFactory
from accounts.units import proof_addresses

pytestmark = pytest.mark.django_db


def administrator(unit):
    return UserFactory(roles={"administration": unit}, email="", is_staff=True)


def save(unit, *entries):
    proof_addresses.save(unit=unit, entries=entries, by=administrator(unit))


def allowed(unit, *addresses):
    rule = proof_addresses.of_unit(OrganizationalUnit.objects.get(pk=unit.pk))
    return [address for address in addresses if rule.has(proof_addresses.key_of(address))]


def test_a_list_has_addresses_and_domains(above):
    save(above, "example.com", "@Example.NET", "", "Ana@example.org")

    told = ["x@example.com", "Y@EXAMPLE.net", "ana@Example.org"]
    assert allowed(above, *told, "bruno@example.org", "x@mail.example.com", "x@notexample.com") == told


def test_a_list_holds_in_all_units_below(above, below):
    save(above, "example.com")

    assert allowed(below, "x@example.com", "x@example.net") == ["x@example.com"]


def test_a_unit_below_narrows_the_list_and_never_widens_it(above, below):
    save(above, "example.com")

    with pytest.raises(proof_addresses.WiderThanAbove, match=r"Line 2.*example\.net"):
        save(below, "ana@example.com", "example.net")
    save(below, "ana@example.com")

    assert allowed(below, "ana@example.com", "bruno@example.com") == ["ana@example.com"]
    assert allowed(above, "bruno@example.com") == ["bruno@example.com"]


def test_what_the_list_above_loses_a_list_below_does_not_keep(above, below):
    save(above, "example.com", "example.net")
    save(below, "example.net")
    save(above, "example.com")

    assert allowed(below, "x@example.net", "x@example.com") == []


@pytest.mark.parametrize("entry", ["gmail.com", "@Outlook.com", "uol.com.br", "GMX.de"])
def test_no_public_mail_provider_is_opened(above, entry):
    with pytest.raises(proof_addresses.OpenToEverybody, match="Line 1"):
        save(above, entry)

    save(above, "ana@gmail.com")
    assert allowed(above, "ana@gmail.com", "anybody@gmail.com") == ["ana@gmail.com"]


@pytest.mark.parametrize(
    "entry", ["com", "*", "*.example.com", "a b@example.com", "@", "x@y@example.com", "\x00", "é" * 400]
)
def test_what_is_neither_an_address_nor_a_domain_is_named_by_its_line(above, entry):
    with pytest.raises(proof_addresses.NoAddressOrDomain, match="Line 2"):
        save(above, "example.com", entry)


def test_a_list_has_an_end(above):
    with pytest.raises(proof_addresses.TooManyEntries):
        save(above, *(f"a{number}.example.com" for number in range(501)))


def test_nobody_but_administrators_keeps_it(above, below):
    for by in (UserFactory(roles={"start": above}), administrator(below)):
        with pytest.raises(access.NotAllowed):
            proof_addresses.save(unit=above, entries=["example.com"], by=by)


def test_what_changed_is_in_the_trail(above):
    save(above, "example.com")
    save(above, "example.com")
    save(above)

    events = AuditEvent.objects.filter(action="save_proof_addresses").order_by("pk")
    assert [(each.detail["before"], each.detail["after"]) for each in events] == [
        (None, ["example.com"]),
        (["example.com"], None),
    ]


# -- without a list ---------------------------------------------------------------------------------------


def test_without_a_list_the_domains_of_the_units_people_are_allowed(above, below):
    UserFactory(roles={"prepare": below}, email="ana@house.example")
    UserFactory(home_unit=above, email="bruno@roof.example")
    UserFactory(roles={"prepare": UnitFactory()}, email="carla@stranger.example")
    UserFactory(roles={"prepare": below}, email="gone@gone.example", is_active=False)

    told = ["x@house.example", "x@roof.example"]
    assert allowed(below, *told, "x@stranger.example", "x@gone.example") == told


def test_whoever_has_a_mailbox_at_a_public_provider_opens_that_mailbox_alone(above):
    UserFactory(roles={"prepare": above}, email="Ana@gmail.com")

    assert allowed(above, "ana@gmail.com", "anybody@gmail.com") == ["ana@gmail.com"]


def test_an_address_that_was_shown_to_be_nobodys_opens_nothing(above):
    UserFactory(roles={"administration": above}, email="boss@customers.example", verified=False)

    assert allowed(above, "x@customers.example", "boss@customers.example") == []


def test_an_address_that_somebody_gave_himself_opens_nothing_until_a_link_was_followed(above):
    boss = UserFactory(roles={"administration": above}, home_unit=above, email="boss@house.example")

    people.change_user(user=boss, by=boss, email="boss@customers.example")

    assert people.verified_address(User.objects.get(pk=boss.pk)) is None
    assert allowed(above, "x@customers.example") == []


def test_it_costs_the_same_for_one_person_and_for_many(above, django_assert_num_queries):
    UserFactory(roles={"prepare": above})
    with django_assert_num_queries(2):
        proof_addresses.of_unit(above)
    UserFactory.create_batch(9, roles={"prepare": above})

    with django_assert_num_queries(2):
        proof_addresses.of_unit(above)


# -- the faces --------------------------------------------------------------------------------------------


def test_administrators_keep_it_at_the_desk_and_read_what_is_wrong(client, above):
    client.force_login(administrator(above))
    where = f"/admin/accounts/organizationalunit/{above.pk}/change/"
    typed = {"label": above.label, "parent": root().pk, "approval_policy": "one"}

    refused = client.post(where, typed | {"proof_list": "example.com\ngmail.com"}).content.decode()
    client.post(where, typed | {"proof_list": "example.com\nana@gmail.com"})

    assert "Line 2: at “gmail.com”" in refused
    assert OrganizationalUnit.objects.get(pk=above.pk).proof_addresses == ["ana@gmail.com", "example.com"]


def test_administrators_keep_it_by_command(above):
    out = StringIO()

    call_command(
        "set_proof_addresses",
        above.label,
        "example.com",
        "--as",
        administrator(above).username,
        "--json",
        stdout=out,
    )

    assert json.loads(out.getvalue())["allowed"] == ["example.com"]
    assert OrganizationalUnit.objects.get(pk=above.pk).proof_addresses == ["example.com"]


def test_the_list_of_units_says_where_each_list_comes_from(client, above, below):
    save(above, *[f"d{number}.example" for number in range(8)])
    client.force_login(UserFactory(roles={"administration": [above, UnitFactory()]}))

    page = unescape(client.get(reverse("units")).content.decode())

    assert "d3.example, d4.example and 3 more" in page
    assert page.count("as above") == 1  # the unit below
    assert page.count("no list: the domains of the unit's people") == 1  # the one apart
