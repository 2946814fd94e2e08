"""The text part that is made from HTML holds what a reader sees, in lines as they see it."""

import pytest

from deliveries.content.tests.compiling import OPT_OUT, compiled, warnings

END = "\n\nUnsubscribe <{{ _base }}/u/{{ _u }}>\n"


def text_of(body):
    return compiled(html=f"<!doctype html><body>{body}{OPT_OUT}</body>", text="").text


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("<head><title>t</title><p>Hello</p>", "Hello"),
        ('<p style="display:none">x<p>Hello</p>', "Hello"),
        ('<table><tr><td style="display:none">x<td>Hello<tr><td>Bye</table>', "Hello\nBye"),
        ('<div><span style="display:none">x</div><p>Hello</p>', "Hello"),
        ('<div style="font-size:1px;max-height:0;overflow:hidden;opacity:0">x</div><p>Hello</p>', "Hello"),
        ('<p style="font-size:0">x</p><p style="color:#ffffff">y</p><p>Hello</p>', "Hello"),
        ('<p style="background:#000;color:#fff">Hello</p>', "Hello"),
        ("<style media=print>.a{display:none}</style><p class=a>Hello</p>", "Hello"),
        (
            "<style>.m{display:none} @media(max-width:9px){.m{display:block}}</style><p class=m>x</p>Hello",
            "Hello",
        ),
        ("<ol><li>one<li>two</ol>", "1. one\n2. two"),
        ("<ol start=3 type=a><li>one<li value=7>two</ol>", "c. one\ng. two"),
        ("<ol type=I reversed><li>one<li>two<ul><li>in</ul></ol>", "II. one\nI. two\n\n- in"),
        ("<pre>line 1\n  line 2</pre>", "line 1\n  line 2"),
        ('<a href="#">Home</a><a href="#">Works</a>', "Home Works"),
        (
            "<a href='https://a.example/'>Shop<a href='https://b.example/'>Buy</a>",
            "Shop <{{ _base }}/c/{{ _c0 }}> Buy <{{ _base }}/c/{{ _c1 }}>",
        ),
        (
            '<table><tr><td><a href="https://a.example/">Shop<td>Buy</table>',
            "Shop <{{ _base }}/c/{{ _c0 }}> Buy",
        ),
        ('<img src="https://a.example/x.png" alt="Chairs &amp; tables">', "Chairs & tables"),
        ('<img src="https://a.example/x.png" width=1 height=1 alt="x">Hello', "Hello"),
        (
            '<img src="https://a.example/x.png" usemap="#m" alt="Map"><map name=m>'
            '<area href="https://a.example/" alt="North"></map>',
            "Map\n\nNorth <{{ _base }}/c/{{ _c0 }}>",
        ),
        ("<p>Tom &amp; Ann&nbsp;&copy 2026</p>", "Tom & Ann © 2026"),
    ],
)
def test_what_is_seen_is_said(body, expected):
    assert text_of(body) == expected + END


def test_links_and_words_that_stand_only_in_what_is_hidden_are_told():
    hidden = '<div style="display:none"><a href="https://a.example/">Shop</a></div>'

    found = [code for code, where, _line in warnings(hidden, text="") if where == "text"]

    assert found == ["no_text_part", "text_lost"]


def test_a_link_that_is_seen_somewhere_is_not_lost():
    link = '<a href="https://a.example/">Shop</a>'

    found = warnings(f'{link}<div style="display:none">{link}</div>', text="")

    assert "text_lost" not in [code for code, _where, _line in found]
