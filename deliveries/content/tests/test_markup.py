"""Markup keeps its octets, styles are inlined, and what would act on a reader is refused."""

import pytest

from deliveries.content.tests.compiling import OPT_OUT, compiled, errors, warnings


def test_styles_are_inlined_and_everything_else_keeps_its_octets():
    head = (
        '<!DOCTYPE html PUBLIC "-//W3C//DTD XHTML 1.0 Strict//EN" "http://www.w3.org/TR/xhtml1/DTD/xhtml1-strict.dtd">\n'
        "<html><head><style>p.a { color: red } @media (max-width: 9px) { p { color: blue } }</style>\n"
        "<!--[if mso]><style>p { color: green }</style><![endif]--></head>\n<body>\n"
    )
    body = (
        "<!-- a comment -->\n<![if !mso]><p class=b>two</P><![endif]>\n<table>{% if profile.city %}<TR><td>&nbsp;"
        "</td></tr>{% endif %}</table>\n<!--[if mso]><table><tr><td><![endif]-->\n"
    )

    content = compiled(html=f"{head}{body}<p class='a'>one</p>{OPT_OUT}</body></html>", tracking=False)

    assert content.html.startswith(head + body)
    assert """<p style="color: red;" class='a'>one</p>""" in content.html


def test_a_style_that_holds_a_merge_tag_is_inlined_around_it():
    content = compiled(
        "<style>td { padding: 0 }</style><table><tr><td style='width: {{ profile.points }}px'>x</td></tr></table>"
    )

    assert 'style="padding: 0;width: {{ profile.points }}px"' in content.html


def test_a_class_that_depends_on_the_recipient_gets_no_inlined_style():
    content = compiled("<style>.x { color: red }</style><p class='{% if profile.city %}x{% endif %}'>a</p>")

    assert "<p class='{% if profile.city %}x{% endif %}'>a</p>" in content.html


def test_the_pixel_is_the_last_thing_in_the_body():
    assert compiled().html.endswith(
        '/o/{{ _o }}.gif" width="1" height="1" alt="" style="display:block;border:0"></body>'
    )


def test_the_pixel_follows_content_without_a_body():
    assert compiled(html=OPT_OUT).html.endswith('display:block;border:0">')


def test_the_preheader_is_hidden_at_the_top_of_the_body():
    html = compiled(preheader="For {{ profile.first_name }} <3").html

    assert html.startswith('<body><div style="display:none;')
    assert "For {{ profile.first_name }} &lt;3&#847;" in html.replace("\n", " ")


@pytest.mark.parametrize(
    "markup",
    [
        "<script>x</script>",
        "<iframe src='https://example.com/'></iframe>",
        "<p onclick='x()'>x</p>",
        "<base href='/'>",
        "<object data='x'></object>",
        "<embed src='x'>",
        "<form action='https://example.com/'><input name='p'></form>",
        "<button formaction='https://example.com/'>x</button>",
        "<a ping='https://example.com/' href='https://example.com/'>x</a>",
        "<isindex action='https://example.com/'>",
        "<meta http-equiv='refresh' content='0;url=https://example.com/'>",
        "<META HTTP-EQUIV=' &#114;efresh' content=0>",
        "<meta http-equiv='{{ profile.city }}' content='0'>",
        "<meta http-equiv='Content-Security-Policy' content='x'>",
        "<!--[if mso]><form action='https://example.com/'></form><![endif]-->",
    ],
)
def test_active_markup_is_refused(markup):
    assert ("unsafe_markup", "html", 2) in errors(markup)


@pytest.mark.parametrize(
    "markup",
    [
        "<!-- x --!><form action='https://example.com/'></form> -->",
        "<svg><style><meta http-equiv=refresh content='0;url=https://example.com/'></style></svg>",
        "<svg><style>&#64;import 'https://example.com/x.css';</style></svg>",
        "<math><title><iframe src='https://example.com/'></iframe></title></math>",
    ],
)
def test_what_only_a_browser_takes_for_active_markup_is_refused(markup):
    assert "unsafe_markup" in [code for code, _where, _line in errors(markup)]


@pytest.mark.parametrize(
    "fetched",
    [
        "<style>@import url(https://fonts.example.com/css2?family=Inter:wght@400;500;600);p{color:red}</style>",
        "<style>p{color:red}@IMPORT 'https://fonts.example.com/x.css' screen;</style>",
        '<style>@\\69mport "https://fonts.example.com/x.css";p{color:red}</style>',
        "<style>p{color:red}@import url(https://fonts.example.com/x.css)</style>",
        "<link rel='stylesheet' href='https://fonts.example.com/x.css'><style>p{color:red}</style>",
    ],
)
def test_a_style_sheet_from_elsewhere_is_taken_out_and_said(fetched):
    source = f"{fetched}<p>x</p>"

    content = compiled(source)

    assert "fonts.example.com" not in content.html
    assert "color:red" in content.html.replace(" ", "")
    assert "external_style" in [code for code, _where, _line in warnings(source)]


def test_what_a_mail_says_of_its_letters_stays():
    content = compiled(
        "<meta http-equiv='Content-Type' content='text/html; charset=utf-8'><p>x@important.example</p>"
    )

    assert "http-equiv" in content.html


@pytest.mark.parametrize(
    "tag",
    [
        "<td {{ profile.city }}>",
        "<td class={{ profile.city }}>",
        "<{{ profile.city }}>",
        "<td x='' {{ profile.city }}=''>",
    ],
)
def test_a_value_where_it_could_become_markup_is_refused(tag):
    assert ("unsafe_place", "html", 2) in errors(tag) or "<{{" in tag


def test_a_value_can_not_become_the_name_of_a_tag():
    """It stands in text there: escaped, and `<` alone opens nothing."""
    content = compiled("<p>1 <{{ profile.city }}</p>")

    assert "<{{ profile.city }}" in content.html
