"""The address that opens is the one that a browser opens from what was pasted: attributes and URLs are read by their standards."""

import ada_url
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from selectolax.lexbor import LexborHTMLParser

from deliveries.content import links, references
from deliveries.content.findings import Findings
from deliveries.content.merge_tags.engine import environment
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.tests.rendering import ANA, renderer

SHOP = "https://shop.example.com"
OPT_OUT = '<a href="{{ unsubscribe_url }}">Out</a>'
PIECES = [
    *"abzAZ019=&;#?/|^`}[]'()*+,!$@:.~_- \t\n\\%<>é€\u200b\xa0",
    *("&copy", "&copy;", "&amp", "&amp;", "&region", "&currency=", "&section=2", "&sect", "&not", "&notin;", "&notit;"),
    *("&lt", "&lt;", "&nbsp", "&frac12", "&sup2=", "&#65", "&#x41;", "&#128;", "&#0;", "&#x110000;", "&#y", "&#xy", "%7C", "{x"),
    *("&quot;", "&apos;", "&unknown;", "&copyright;", "&para", "&times", "&deg=", "&yen0", "&AMP", "&Aacute", "&ETH;"),
]  # fmt: skip
pieces = st.lists(st.sampled_from(PIECES), max_size=12).map("".join)


def opened(href: str, **options) -> str:
    """Where a tracked link leads that was pasted with this address, in double quotes."""
    return renderer(f'<a href="{href}">x</a>{OPT_OUT}', **options).link_url(0, ANA)


def sent(href: str) -> str:
    """The same, of an address without merge tags, in a moment."""
    scope = Scope("html", href, fields=[], used=set(), findings=Findings())
    template = links.read_address(scope, 0, len(href), is_html=True).template
    return environment({"link.txt": template}).render_template("link.txt")


def browsers(href: str) -> str:
    """The value of the attribute as a conformant parser reads it."""
    return LexborHTMLParser(f'<a href="{href}">x</a>').css_first("a").attributes["href"] or ""


@settings(deadline=None, max_examples=400)
@given(value=pieces)
@example("&copy")
@example("?a=1&region=south&currency=EUR")
def test_an_attribute_is_read_as_a_browser_reads_it(value):
    assert references.in_attribute(value) == browsers(value)


@settings(deadline=None, max_examples=300)
@given(path=pieces, query=pieces, fragment=pieces)
@example(path="a/\nb", query="x=1", fragment="a|b")
@example(path="a\\b", query="\\", fragment="\\")
def test_a_link_leads_where_a_browser_would_go_from_the_source(path, query, fragment):
    href = f"{SHOP}/{path}?{query}#{fragment}"

    assert ada_url.URL(sent(href)).href == ada_url.URL(browsers(href)).href


@pytest.mark.parametrize(
    ("href", "expected"),
    [
        (f"{SHOP}/?a=1&region=south&currency=EUR&section=2", f"{SHOP}/?a=1&region=south&currency=EUR&section=2"),
        (f"{SHOP}/?a=1&amp;region=south&amp;copy=2", f"{SHOP}/?a=1&region=south&copy=2"),
        (f"{SHOP}/a/\n  b?x=1", f"{SHOP}/a/%20%20b?x=1"),
        (f" \n{SHOP}/a/\n\tb?x=1\t ", f"{SHOP}/a/b?x=1"),
        (f"{SHOP}/#a|b", f"{SHOP}/#a|b"),
        (f"{SHOP}/a\\b?c\\d", f"{SHOP}/a/b?c\\d"),
        (f"{SHOP}/?q=&quot;a&quot;&lang=pt", f"{SHOP}/?q=%22a%22&lang=pt"),
        (f"{SHOP}/?lt=1&lt=2&gt=3&times=4&quot=5&reg=6", f"{SHOP}/?lt=1&lt=2&gt=3&times=4&quot=5&reg=6"),
        (f"{SHOP}/?copy={{{{ profile.city }}}}&region={{{{ profile.first_name }}}}#{{a}}", f"{SHOP}/?copy=S%C3%A3o%20Paulo&region=Ana#{{a}}"),
    ],
)  # fmt: skip
def test_parameters_line_breaks_and_signs_stay_what_they_are(href, expected):
    assert opened(href) == expected


def test_a_link_that_is_not_tracked_says_the_same_address():
    html = renderer(f'<a href="{SHOP}/?a=1&region=2&copy=3">x</a>{OPT_OUT}', tracking=False).html(
        seq=1, values=ANA
    )

    assert LexborHTMLParser(html).css_first("a").attributes["href"] == f"{SHOP}/?a=1&region=2&copy=3"


def test_a_value_in_an_address_to_write_to_is_encoded():
    made = renderer(
        f"<a href='mailto:shop@example.org?subject={{{{ profile.city }}}}&body=a%20b'>Write</a>{OPT_OUT}"
    )
    values = {"city": "Tom & cc=boss@example.org"}

    assert (
        LexborHTMLParser(made.html(seq=1, values=values)).css_first("a").attributes["href"]
        == "mailto:shop@example.org?subject=Tom%20%26%20cc%3Dboss%40example.org&body=a%20b"
    )
    assert "Write <shop@example.org>" in made.text(seq=1, values=values)


@pytest.mark.parametrize("href", ["mailto:{{ profile.city }}@example.com", "tel:+{{ profile.city }}"])
def test_a_value_is_encoded_in_every_kind_of_address(href):
    html = renderer(f'<a href="{href}">x</a>{OPT_OUT}').html(seq=1, values={"city": "a?b&c"})

    assert href.replace("{{ profile.city }}", "a%3Fb%26c") in html
