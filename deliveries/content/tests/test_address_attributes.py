"""No address that runs or brings something leaves, on whatever element and in whatever namespace it stands."""

import itertools

import pytest

from deliveries.content.html_part import inert
from deliveries.content.tests.compiling import compiled, errors

SCRIPTS = [
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    " \x01javascript:alert(1)",
    "java\tscript:alert(1)",
    "java&#10;script:alert(1)",
    "&#106;avascript&colon;alert(1)",
    "java\u200bscript:alert(1)",
    "vbscript:x",
    "data:text/html,&lt;script&gt;",
    "data:image/svg+xml;base64,AAAA",
    "blob:https://example.com/1",
    "file:///etc/passwd",
    "view-source:https://example.com/",
    "intent://x#Intent;end",
]
PLACES = [
    '<a href="{}">x</a>',
    '<a href="https://example.com/" href="{}">x</a>',
    '<area href="{}">',
    '<math href="{}"><mi>x</mi></math>',
    '<math><mrow href="{}"><mi>x</mi></mrow></math>',
    '<math xlink:href="{}"><mi>x</mi></math>',
    '<svg><a href="{}"><text>x</text></a></svg>',
    '<svg><a xlink:href="{}"><text>x</text></a></svg>',
    '<svg xmlns:x="http://www.w3.org/1999/xlink"><a x:href="{}"><text>x</text></a></svg>',
    '<svg><use href="{}"/></svg>',
    '<svg><use xlink:href="{}"/></svg>',
    '<div action="{}">x</div>',
    '<q cite="{}">x</q>',
    '<p><ins cite="{}">x</ins></p>',
    '<div background="{}" data="{}">x</div>',
    '<img src="https://example.com/1.png" alt="x" longdesc="{}">',
    '<img src="https://example.com/1.png" alt="x" usemap="{}">',
    '<div xml:base="{}">x</div>',
    '<!--[if mso]><v:shape href="{}"></v:shape><![endif]-->',
    '<!--[if mso]><v:line href="{}"></v:line><![endif]-->',
]
MAY = {"data:image/svg+xml;base64,AAAA": "background"}  # a picture in a picture's place runs nothing


@pytest.mark.parametrize("place", PLACES)
def test_no_address_with_a_script_is_compiled(place):
    for address in SCRIPTS:
        if MAY.get(address, "-") in place:
            continue
        assert {"unsafe_link", "unsafe_markup"} & {
            code for code, _where, _line in errors(place.replace("{}", address))
        }, (
            place,
            address,
        )


@pytest.mark.parametrize("name", ["formaction", "srcdoc", "ping", "onbegin"])
def test_attributes_that_act_are_refused_whatever_they_say(name):
    for tag, address in itertools.product(("button", "div", "set"), ("https://example.com/", "javascript:x")):
        assert "unsafe_markup" in [
            code for code, _where, _line in errors(f'<{tag} {name}="{address}">x</{tag}>')
        ]


@pytest.mark.parametrize(
    "markup",
    [
        '<svg><a><set attributeName="href" to="javascript:alert(1)"/><text>x</text></a></svg>',
        '<svg><a><animate attributeName="xlink:href" values="https://example.com/;javascript:x"/></a></svg>',
        '<svg><a><animate attributeName=" h&#114;ef" to="https://example.com/"/></a></svg>',
        '<svg><set attributename="onclick" to="x"/></svg>',
        '<svg><set attributeName="{{ profile.city }}" to="x"/></svg>',
    ],
)
def test_nothing_changes_an_address_after_it_was_read(markup):
    assert "unsafe_markup" in [code for code, _where, _line in errors(markup)]


@pytest.mark.parametrize("name", ["srcset", "imagesrcset"])
def test_each_candidate_of_a_list_is_read(name):
    body = f'<img src="https://example.com/1.png" alt="x" {name}="{{}}">'

    assert errors(body.format("https://example.com/2.png 2x, data:image/png;base64,AAAA 3x")) == []
    assert errors(body.format("https://example.com/2.png 2x, javascript:x 3x"))
    assert errors(body.format("https://example.com/2.png 2x,data:text/html;base64,AAAA 3x"))


@pytest.mark.parametrize(
    "style",
    [
        "background:url(javascript:x)",
        "background:url( '\\6a avascript:x')",
        "width:expr/**/ession(x)",
        "-moz-binding:url(x)",
    ],
)
def test_a_style_asks_for_no_script(style):
    assert errors(f'<p style="{style}">x</p>')
    assert errors(f"<style>p{{{style}}}</style><p>x</p>")


@pytest.mark.parametrize(
    ("page", "acts"),
    [
        ('<p>a="</p><img src=x onerror="x">', ["onerror"]),
        ("""<p title='b="'></p><a href="vbscript:x">y</a>""", ["href=vbscript:"]),
        ("""<a title='href="https://x"' href=' java&#x73;cript:x'>y</a>""", ["href=javascript:"]),
        ('<svg><a xlink:href="javascript:x">y</a></svg>', ["xlink:href=javascript:"]),
        ('<svg><animate attributeName="href" to="x"/></svg>', ["attributeName=href"]),
        ('<img srcset="https://a.example/ 1x, javascript:x 2x">', ["srcset=javascript:"]),
        ('<meta http-equiv="refresh" content="0">', ["http-equiv=refresh"]),
        ("<style>p{background:url(javascript:x)}</style>", ["<style>"]),
        ('<p style="width:expression(1)">', ["style"]),
        ("<noscript><form></form></noscript>", ["<form>"]),
        ('<a href="https://a.example/?x=&quot; onclick=&quot;">y</a>', []),
        ("""<p>onclick="x" <img alt='onclick="x"'></p>""", []),
        ('<script type="application/ld+json">{"a": "b"}</script>', []),
    ],
)
def test_what_acts_is_found_in_a_page_as_it_is_read_whatever_stands_around_it(page, acts):
    assert inert.acting_as_read(page) == acts


@pytest.mark.parametrize("place", PLACES)
def test_what_readers_may_open_stays(place):
    assert errors(place.replace("{}", "https://example.com/a?b=1&amp;c=2#d")) == []


@pytest.mark.parametrize(
    "body",
    [
        '<img src="data:image/png;base64,AAAA" alt="x">',
        '<svg><image href="data:image/png;base64,AAAA"/></svg>',
        '<svg><use href="#mark"/></svg>',
        '<div style="background:url(data:image/png;base64,AAAA)">x</div>',
        "<!--[if mso]><style>v\\:* { behavior: url(#default#VML) }</style><![endif]--><p>x</p>",
        '<svg><animate attributeName="opacity" values="0;1"/></svg>',
        '<a href="tel:+551199">x</a>',
        '<blockquote cite="mailto:a@example.com">x</blockquote>',
        '<q cite="page.html">x</q>',
        '<div data-href="javascript-free" title="javascript: what it is">x</div>',
    ],
)
def test_what_is_sound_is_no_error(body):
    assert errors(body) == []


@pytest.mark.parametrize(
    "place", ['<math href="{}">x</math>', '<svg><a xlink:href="{}">x</a></svg>', '<q cite="{}">x</q>']
)
def test_no_value_says_how_an_address_begins(place):
    for beginning in ("{{ profile.city }}", "{{ profile.city }}:x", "https{{ profile.city }}:x"):
        assert errors(place.replace("{}", beginning))
    assert errors(place.replace("{}", "https://example.com/?a={{ profile.city|urlencode }}")) == []
    assert compiled(place.replace("{}", "{{ mirror_url }}"))
