"""Where a link leads when its own address can't be told: what its author says besides."""

import pytest

from deliveries.content.compiled import Compiled
from deliveries.content.parameters import Parameters
from deliveries.content.tests.compiling import compiled, errors
from deliveries.content.tests.rendering import ANA, renderer

MINE = "https://shop.example.com/for?c={{ profile.city }}"


def link(substitute: str, href: str = MINE) -> str:
    return f'<a href="{href}" {substitute}>Yours</a>'


def test_a_substitute_is_sealed_with_its_link_and_stands_in_no_message():
    content = compiled(link('data-substitute="https://shop.example.com/all?a=1&amp;b=2"'))

    assert content.links[0].substitute == "https://shop.example.com/all?a=1&b=2"
    assert "data-substitute" not in content.html
    assert "shop.example.com" not in content.html
    assert Compiled.from_json(content.to_json()) == content


def test_a_link_without_one_is_stored_as_ever():
    stored = compiled(link("")).to_json()

    assert all("substitute" not in one for one in stored["links"])


@pytest.mark.parametrize(
    ("written", "code"),
    [
        ('data-substitute=""', "bad_substitute"),
        ("data-substitute", "bad_substitute"),
        ('data-substitute="/all"', "bad_substitute"),
        ('data-substitute="mailto:a@example.com"', "bad_substitute"),
        ('data-substitute="{{ unsubscribe_url }}"', "bad_substitute"),
        ('data-substitute="https://shop.example.com/{{ profile.city }}"', "bad_substitute"),
        ('data-substitute="{% if profile.city %}https://a.example/{% endif %}"', "bad_substitute"),
        ('data-substitute="javascript:alert(1)"', "unsafe_link"),
        ('data-substitute="https://user@example.com/"', "unsafe_link"),
        ('data-substitute="https://a.example/" data-substitute="/b"', "bad_substitute"),
    ],
)
def test_what_is_no_whole_web_address_is_an_error(written, code):
    assert (code, "html", 2) in errors(link(written))


@pytest.mark.parametrize("href", ["{{ unsubscribe_url }}", "mailto:a@example.com", "#top"])
def test_links_of_another_kind_have_none(href):
    content = compiled(link('data-substitute="https://a.example/"', href=href))

    assert not any(one.substitute for one in content.links)
    assert "data-substitute" not in content.html


def test_one_address_with_two_substitutes_is_two_links():
    ways = [f'data-substitute="https://shop.example.com/{name}"' for name in ("a", "b", "a")]

    content = compiled("".join(link(way) for way in ways))

    tracked = [one.substitute for one in content.links if one.kind == "tracked"]
    assert tracked == ["https://shop.example.com/a", "https://shop.example.com/b"]


def test_the_same_address_in_the_text_part_shares_it():
    url = "https://shop.example.com/for"
    content = compiled(
        link('data-substitute="https://shop.example.com/all"', href=url),
        text=f"{url}\n{{{{ unsubscribe_url }}}}\n",
    )

    assert [one.substitute for one in content.links if one.kind == "tracked"] == [
        "https://shop.example.com/all"
    ]


def test_a_substitute_gets_the_parameters_of_its_link():
    made = renderer(
        f'<p>{link("data-substitute=https://shop.example.com/all#x")}</p><a href="{{{{ unsubscribe_url }}}}">No</a>',
        parameters=Parameters((("utm_source", "mail"),)),
    )

    assert made.substitute_url(0) == "https://shop.example.com/all?utm_source=mail#x"
    assert made.link_url(0, ANA).startswith("https://shop.example.com/for?c=")


def test_braces_of_a_substitute_are_no_merge_tag():
    made = renderer(
        f'{link("data-substitute=https://shop.example.com/{a")}<a href="{{{{ unsubscribe_url }}}}">No</a>'
    )

    assert made.substitute_url(0) == "https://shop.example.com/{a"


def test_without_tracking_it_is_taken_out():
    content = compiled(link('data-substitute="https://shop.example.com/all"'), tracking=False)

    assert "substitute" not in content.html
    assert "shop.example.com/for" in content.html
