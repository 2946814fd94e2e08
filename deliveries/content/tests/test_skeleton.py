"""What leaves ready for the wire is, octet for octet, what the plain way makes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.lib.dots import dotted
from campaign.lib.tokens import Purpose
from deliveries.content.message.render import awkward_values
from deliveries.content.message.skeleton import Skeleton, Unfit
from deliveries.content.tests.rendering import ANA, BODY, FIELDS, KEY, NOON, renderer, signer
from deliveries.sending import pg_arrays

DOTS = (
    "<html><body>\n.hidden { top: 0 }\n"
    + "." * 80
    + "\n..\n<p>{{ profile.city }}</p>\n.\n{{ profile.first_name }}\n"
    + ".a line that begins with a dot and is long enough to be taken out of the template, all by itself\n"
    + '.{{ profile.segment }}.\n<a href="{{ unsubscribe_url }}">Out</a>\n</body></html>'
)
TRIMMED = BODY.replace("{% if", "{%- if").replace("{% endif %}", "{%- endif -%}")
BRANCHES = BODY.replace("<p>{% if", "\n<p>" + "x" * 90 + "</p>\n{% if").replace(
    "many{% else %}", "\n.many\n" + "y" * 99 + "\n{% else %}\n" + "z" * 99 + "\n"
)
PAGES = {"body": BODY, "dots": DOTS, "trimmed": TRIMMED, "branches": BRANCHES}


def ways(made, values, *, address="ana@example.com"):
    plain = made.message(seq=7, address=address, values=values, date=NOON)
    return made.wire(seq=7, address=address, values=values, date=NOON), dotted(plain)


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("text", ["", "Hello {{ profile.first_name }}\n.\n{{ unsubscribe_url }}"])
def test_both_ways_give_the_same_octets(page, text):
    made = renderer(PAGES[page], text=text)

    for values in (ANA, *(recipient.values for recipient in awkward_values(FIELDS))):
        wire, plain = ways(made, values)
        assert wire == plain


def test_both_ways_agree_on_a_text_alone():
    made = renderer("", text="." * 70 + "\nHello {{ profile.first_name }} {{ unsubscribe_url }}\n" + "." * 70)

    wire, plain = ways(made, ANA)

    assert wire == plain


@given(city=st.text(max_size=1100), name=st.text(st.sampled_from(".\r\n\x1e\x1f0a"), max_size=30))
@settings(max_examples=150, deadline=None)
def test_no_value_makes_them_differ(city, name):
    wire, plain = ways(MADE, ANA | {"city": city, "first_name": name})

    assert wire == plain


MADE = renderer(DOTS)


def test_static_lines_are_taken_out():
    left = Skeleton().of("a" * 500 + "\r\n{{ x }}\r\n" + "b" * 500 + "\r\n")

    assert len(left) < 20


@pytest.mark.parametrize("odd", ["{{- x }}", "{# a #}", "\x1e0\x1f", "c" * 999 + "\r\n"])
def test_a_template_that_could_be_mistaken_is_left_to_the_plain_way(odd):
    with pytest.raises(Unfit):
        Skeleton().of(f"a\r\n{odd}\r\n")


@pytest.mark.parametrize("filled", ["a\nb\r\n", "a\rb\r\n", "\n", "a\r", "x" * 999])
def test_what_no_mail_may_hold_is_left_to_the_plain_way(filled):
    with pytest.raises(Unfit):
        Skeleton().fill(filled)


def test_tokens_made_together_are_those_made_one_by_one():
    wanted = [(Purpose.MESSAGE, 0), (Purpose.UNSUBSCRIBE, 0), (Purpose.CLICK, 3)]

    tokens, caseless = signer.for_delivery_together(KEY, wanted)(42)

    assert tokens == [signer.sign(purpose, KEY, 42, link) for purpose, link in wanted]
    assert caseless == signer.sign_caseless(Purpose.MESSAGE, KEY, 42)


@pytest.mark.django_db
def test_arrays_come_back_from_the_database_as_they_were():
    from django.db import connection

    words = ["", "NULL", "a,b", '"', "\\", "{}", " x ", "é\n", '250 2.0.0 Ok: "queued\\"']
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT %s::text[], %s::int[], %s::boolean[]",
            [
                pg_arrays.texts([*words, "a\0b"]),
                pg_arrays.numbers([1, None, -2]),
                pg_arrays.numbers([True, False]),
            ],
        )
        row = cursor.fetchone()

    assert row == ([*words, "ab"], [1, None, -2], [True, False])
