"""Parameters of links: what is added to which addresses, and that a reader of addresses finds nothing else changed."""

import html as html_module
import re
from urllib.parse import parse_qsl

import pytest
from ada_url import URL
from hypothesis import example, given
from hypothesis import strategies as st

from deliveries.content.parameters import Parameters, Piece, with_parameters
from deliveries.content.tests.compiling import compiled, findings
from deliveries.content.tests.rendering import ANA, renderer

SOURCE = ("utm_source", "news letter")
MEDIUM = ("utm_medium", "e-mail")
UTM = Parameters(pairs=(SOURCE, MEDIUM), own="https://mail.example.com")
BOTH = "utm_source=news%20letter&utm_medium=e-mail"
OPT_OUT = '<a href="{{ unsubscribe_url }}">Unsubscribe</a> <a href="{{ mirror_url }}">Browser</a>'


def opened(href, parameters=UTM, values=ANA, **options):
    """Where a link with this address leads."""
    html = f'<a href="{html_module.escape(href)}">x</a>{OPT_OUT}'
    return renderer(html, parameters=parameters, **options).link_url(0, values)


def added(address, pairs=(SOURCE, MEDIUM)):
    return with_parameters([Piece("text", address)], pairs)


@pytest.mark.parametrize(
    ("href", "leads_to"),
    [
        ("https://www.example.com", f"https://www.example.com?{BOTH}"),
        ("https://www.example.com/", f"https://www.example.com/?{BOTH}"),
        ("https://www.example.com/a?", f"https://www.example.com/a?{BOTH}"),
        ("https://www.example.com/a?b=1", f"https://www.example.com/a?b=1&{BOTH}"),
        ("https://www.example.com/a?b=1&", f"https://www.example.com/a?b=1&{BOTH}"),
        ("https://www.example.com/a&", f"https://www.example.com/a&?{BOTH}"),
        ("https://www.example.com/a#top", f"https://www.example.com/a?{BOTH}#top"),
        ("https://www.example.com/a#top?x=1", f"https://www.example.com/a?{BOTH}#top?x=1"),
        ("https://www.example.com/?b=%2f+%20&&c#!/x", f"https://www.example.com/?b=%2f+%20&&c&{BOTH}#!/x"),
        ("https://www.example.com/?b=?#", f"https://www.example.com/?b=?&{BOTH}#"),
        ("https://www.example.com??", f"https://www.example.com??&{BOTH}"),
        ("//www.example.com/a", f"https://www.example.com/a?{BOTH}"),
        ("https://www.example.com/?utm_source=mine", "https://www.example.com/?utm_source=mine&utm_medium=e-mail"),
        ("https://www.example.com/?utm%5Fsource", "https://www.example.com/?utm%5Fsource&utm_medium=e-mail"),
        ("https://www.example.com/?UTM_Source=", "https://www.example.com/?UTM_Source=&utm_medium=e-mail"),
        ("https://www.example.com/?x=utm_source=1", f"https://www.example.com/?x=utm_source=1&{BOTH}"),
        ("https://www.example.com/#utm_source=1", f"https://www.example.com/?{BOTH}#utm_source=1"),
    ],
)  # fmt: skip
def test_the_query_is_kept_and_the_fragment_stays_behind(href, leads_to):
    assert opened(href) == leads_to
    assert added(leads_to) == leads_to


@pytest.mark.parametrize(
    ("href", "leads_to"),
    [
        ("https://www.example.com/{{ profile.city }}", f"https://www.example.com/S%C3%A3o%20Paulo?{BOTH}"),
        ("https://www.example.com/?q={{ profile.city }}#x", f"https://www.example.com/?q=S%C3%A3o%20Paulo&{BOTH}#x"),
        (
            "https://www.example.com/?utm_source={{ profile.city }}",
            "https://www.example.com/?utm_source=S%C3%A3o%20Paulo&utm_medium=e-mail",
        ),
    ],
)  # fmt: skip
def test_links_with_merge_tags_get_them_too(href, leads_to):
    assert opened(href) == leads_to


CONDITIONS = [
    ("/{% if profile.points > 100 %}?a=1{% endif %}", "/?a=1&{both}", "/?{both}"),
    ("/{% if profile.points > 100 %}?{% endif %}", "/?{both}", "/?{both}"),
    ("/{% if profile.points > 100 %}#top{% endif %}", "/?{both}#top", "/?{both}"),
    (
        "/?a={% if profile.points > 100 %}{{ profile.points }}{% endif %}#x",
        "/?a=120&{both}#x",
        "/?a=&{both}#x",
    ),
    (
        "/{% if profile.points > 100 %}?a=1#x{% else %}?b=2&{% endif %}#y",
        "/?a=1&{both}#x#y",
        "/?b=2&{both}#y",
    ),
    ("/{% if profile.points > 100 %}?{% endif %}?", "/??&{both}", "/?{both}"),
    ("/?{% if profile.points > 100 %}a=1{% endif %}", "/?a=1&{both}", "/?{both}"),
    ("/?{% if profile.points > 100 %}a=1&{% endif %}b=2", "/?a=1&b=2&{both}", "/?b=2&{both}"),
    (
        "/?a=1{% if profile.points > 100 %}&utm_source=x{% endif %}",
        "/?a=1&utm_source=x&utm_medium=e-mail",
        "/?a=1&utm_medium=e-mail",
    ),
    (
        "/?utm_{% if profile.points > 100 %}source{% else %}x{% endif %}=1",
        "/?utm_source=1",
        "/?utm_x=1",
    ),
]


@pytest.mark.parametrize(("rest", "many", "few"), CONDITIONS)
@pytest.mark.parametrize("tracking", [True, False])
def test_in_every_branch_of_a_condition_they_stand_where_they_belong(rest, many, few, tracking):
    html = f'<a href="https://www.example.com{rest.replace("&", "&amp;")}">x</a>{OPT_OUT}'
    made = renderer(html, parameters=UTM, tracking=tracking)

    for points, then in ((120, many), (1, few)):
        values = ANA | {"points": points}
        href = re.search('href="([^"]*)"', made.html(seq=1, values=values)).group(1)
        leads_to = made.link_url(0, values) if tracking else html_module.unescape(href)
        assert leads_to == "https://www.example.com" + then.format(both=BOTH)


@pytest.mark.parametrize(
    "href",
    [
        "mailto:ana@example.com?subject=x",
        "tel:+55119",
        "#top",
        "https://mail.example.com/u/abc",
        "https://MAIL.example.com:443/m/abc?x=1",
        "https://mail.example.com",
    ],
)
def test_what_is_no_web_address_of_others_gets_none(href):
    html = f'<a href="{href}">x</a>{OPT_OUT}'

    assert "utm_" not in renderer(html, parameters=UTM, tracking=False).html(seq=1, values=ANA)


def test_neither_opt_out_nor_mirror_page_gets_them():
    made = renderer(f'<a href="https://www.example.com/">x</a>{OPT_OUT}', parameters=UTM)

    assert [link.template for link in made.compiled.links if link.kind != "tracked"] == ["", ""]
    assert "utm_" not in made.html(seq=1, values=ANA) + made.text(seq=1, values=ANA)


@pytest.mark.parametrize(
    ("host", "gets"),
    [
        ("example.com", True),
        ("www.example.com", True),
        ("WWW.Example.Com.", True),
        ("example.com:8443", True),
        ("example.com.evil.org", False),
        ("notexample.com", False),
        ("shop.münchen.example", True),
        ("xn--mnchen-3ya.example", True),
    ],
)
def test_only_the_domains_of_the_list_and_those_below_them_get_them(host, gets):
    listed = Parameters(pairs=(SOURCE,), domains=("example.com", "xn--mnchen-3ya.example"))

    assert ("utm_source" in opened(f"https://{host}/", listed)) is gets


def test_fields_of_delivery_and_link_are_filled_in_and_encoded():
    parameters = Parameters(
        pairs=(
            ("utm_campaign", "{{ delivery.label }}/{{ delivery.date }}"),
            ("utm_content", "{{link.position}}-{{ link.label }}"),
            ("empty", "{{ delivery.date }}"),
        ),
        values={"delivery.label": "Café & {{ link.label }}#?", "delivery.date": ""},
    )
    body = (
        '<a href="https://example.com/a">First {{ profile.first_name }} one</a> <a href="mailto:a@example.com">m</a> '
        f'<a href="https://example.com/a"><img src="https://example.com/i.png" alt="Ação"></a>{OPT_OUT}'
    )
    made = renderer(body, parameters=parameters)

    campaign = "utm_campaign=Caf%C3%A9%20%26%20%7B%7B%20link.label%20%7D%7D%23%3F%2F"
    assert [made.link_url(link.index, ANA) for link in made.compiled.links if link.kind == "tracked"] == [
        f"https://example.com/a?{campaign}&utm_content=1-First%20one",
        f"https://example.com/a?{campaign}&utm_content=2-A%C3%A7%C3%A3o",
    ]


def test_the_same_link_twice_is_one_unless_its_position_is_said():
    twice = '<a href="https://example.com/a">x</a> <a href="https://example.com/a">x</a>'
    by_place = Parameters(pairs=(("at", "{{ link.position }}"),))

    assert len(compiled(twice, parameters=UTM).links) == 2
    assert [link.template[-1] for link in compiled(twice, parameters=by_place).links[:2]] == ["1", "2"]


@pytest.mark.parametrize("tracking", [True, False])
def test_the_text_part_leads_where_the_page_leads(tracking):
    body = '<a href="https://example.com/a?b=1&amp;c=2">x</a>'
    text = "x: https://example.com/a?b=1&c=2, y: https://example.com/y#z {{ unsubscribe_url }}"
    made = renderer(body + OPT_OUT, text=text, parameters=UTM, tracking=tracking)
    links = {link.template for link in made.compiled.links if link.kind == "tracked"}
    shown = made.text(seq=1, values=ANA)

    wanted = [f"https://example.com/a?b=1&c=2&{BOTH}", f"https://example.com/y?{BOTH}#z"]
    assert links == set(wanted) if tracking else all(address in shown for address in wanted)


def test_without_parameters_nothing_is_found_or_changed():
    body = '<a href="https://example.com/a?b=1">x</a>'

    assert compiled(body) == compiled(body, parameters=Parameters())
    assert findings(body, parameters=UTM) == findings(body)


URLS = st.builds(
    lambda host, path, query, fragment: f"https://{host}{path}{query}{fragment}",
    st.sampled_from(["example.com", "a.example.com:8080", "xn--mnchen-3ya.example"]),
    st.text("/ab.%&;=~+", max_size=8).map(lambda text: f"/{text}" if text else ""),
    st.text("?&=ab%20+;[]/utm_source", max_size=20).map(lambda text: f"?{text}" if text else ""),
    st.text("ab?&=/!", max_size=6).map(lambda text: f"#{text}" if text else ""),
)
PAIRS = st.lists(
    st.tuples(st.sampled_from(["utm_source", "utm_term", "a", "b[]"]), st.text(min_size=1, max_size=6)),
    max_size=4,
    unique_by=lambda pair: pair[0],
)


@given(URLS, PAIRS)
@example("https://example.com?&", [("a", "&#?")])
@example("https://example.com/#?a=1", [("a", "\u202e")])
def test_a_reader_of_addresses_finds_the_rest_unchanged_and_twice_is_once(url, pairs):
    pairs = [(name, value.encode("utf-8", "ignore").decode()) for name, value in pairs]
    once = added(url, pairs)
    before, after = URL(url), URL(once)

    assert added(once, pairs) == once
    for part in ("protocol", "host", "pathname", "hash", "username"):
        assert getattr(before, part) == getattr(after, part)
    assert after.search.startswith(before.search)
    kept = parse_qsl(before.search[1:], keep_blank_values=True)
    names = {name.casefold() for name, _value in kept}
    new = [(name, value) for name, value in pairs if name.casefold() not in names]
    assert parse_qsl(after.search[1:], keep_blank_values=True) == kept + new
