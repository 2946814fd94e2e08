"""From what an author wrote to content with nothing left but slots, or to findings that say what to change."""

import json
from dataclasses import replace

import pytest

from deliveries.content.compile import compile_content
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.content.tests.compiling import (
    FIELDS,
    OPT_OUT,
    SOURCE,
    compiled,
    errors,
    findings,
    warnings,
    with_body,
)

# What is there, and who sends it


def test_sound_content_has_no_findings():
    assert findings() == []


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"subject": "  "}, ("empty_subject", "subject", None)),
        ({"html": "", "text": ""}, ("empty_content", "html", None)),
        ({"html": "<html><body><p> &nbsp;</p></body></html>"}, ("empty_content", "html", None)),
        ({"from_address": ""}, ("invalid_sender", "from_address", None)),
        ({"from_address": "news@"}, ("invalid_sender", "from_address", None)),
        ({"from_address": "a@example.com\nBcc: b@example.com"}, ("invalid_sender", "from_address", None)),
        ({"from_address": "{{ profile.city }}@example.com"}, ("invalid_sender", "from_address", None)),
        ({"reply_to": "nobody"}, ("invalid_sender", "reply_to", None)),
        ({"from_name": "A\nB"}, ("invalid_sender", "from_name", None)),
        ({"html": "<p>Hello</p>", "text": "Hello"}, ("no_unsubscribe_link", "html", None)),
    ],
)
def test_content_that_must_not_leave_is_an_error(changes, expected):
    assert expected in errors(**changes)


@pytest.mark.parametrize(
    "html",
    [
        "<p>Hello</p>{% if profile.city %}" + OPT_OUT + "{% endif %}",
        "<p>Hello</p><!-- " + OPT_OUT + " -->",
        "<p>Hello</p><!--[if mso]>" + OPT_OUT + "<![endif]-->",
    ],
)
def test_an_unsubscribe_link_that_some_do_not_see_is_not_enough(html):
    assert ("no_unsubscribe_link", "html", None) in errors(html=html, text="")


def test_an_unsubscribe_link_in_one_part_only_is_a_warning():
    assert warnings(text="Hello\n") == [("no_unsubscribe_link", "text", None)]


def test_text_alone_is_enough():
    content = compiled(html="")

    assert content.html == ""
    assert content.text == "Hello {{ _base }}/u/{{ _u }}\n"


# Merge tags: only what is known to be harmless


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("{{ profile }}", "profile_access"),
        ("{{ profile['city'] }}", "profile_access"),
        ("{{ profile[profile.city] }}", "profile_access"),
        ("{{ profile|items }}", "profile_access"),
        ("{{ [profile]|first }}", "profile_access"),
        ("{% set p = profile %}", "profile_access"),
        ("{% set p = [profile] %}", "profile_access"),
        ("{% if profile %}x{% endif %}", "profile_access"),
        ("{{ x if profile else y }}", "profile_access"),
        ("{% set profile = 'x' %}", "template_syntax"),
        ("{% set _u = 'x' %}", "template_syntax"),
        ("{% set unsubscribe_url = 'x' %}", "template_syntax"),
        ("{{ profile.city.upper() }}", "template_not_allowed"),
        ("{{ profile.city.__class__ }}", "template_not_allowed"),
        ("{{ 'x'.join(['a']) }}", "template_not_allowed"),
        ("{{ range(9) }}", "template_not_allowed"),
        ("{{ debug() }}", "template_not_allowed"),
        ("{% for x in profile %}{% endfor %}", "template_not_allowed"),
        ("{% include 'x' %}", "template_not_allowed"),
        ("{% macro x() %}{% endmacro %}", "template_not_allowed"),
        ("{% autoescape false %}", "template_not_allowed"),
        ("{{ profile.city|safe }}", "unknown_filter"),
        ("{{ profile.city|tojson }}", "unknown_filter"),
        ("{{ profile.city|shout }}", "unknown_filter"),
        ("{{ profile.city is shouted }}", "template_syntax"),
        ("{{ profile.city ** 2 }}", "template_syntax"),
        ("{{ profile.city * 2 }}", "template_syntax"),
        ("{{ 'x' * 100000000 }}", "template_syntax"),
        ("{{ 1 < 2 < 3 }}", "template_syntax"),
        ("{{ {'a': 1} }}", "template_syntax"),
        ("{{ 'a\\nb' }}", "template_syntax"),
        ("{{ profile.city > 5 }}", "template_syntax"),
        ("{{ profile.city|replace('a') }}", "template_syntax"),
        ("{{ profile.city }", "template_syntax"),
        ("{{ }}", "template_syntax"),
        ("{% if %}{% endif %}", "template_syntax"),
        ("{% if profile.city %}", "template_syntax"),
        ("{% endif %}", "template_syntax"),
        ("{% if 1 %}{% else %}{% elif 1 %}{% endif %}", "template_syntax"),
        ("{% wenn 1 %}", "template_syntax"),
        ("{# never closed", "template_syntax"),
        ("{% raw %}never closed", "template_syntax"),
        ("{{ 'never closed }}", "template_syntax"),
        ("{{#each orders}}", "template_syntax"),
        ("{{/each}}", "template_syntax"),
        ("{{{name}}}", "template_syntax"),
        ("{{> header}}", "template_syntax"),
        ("{{ " + "(" * 60 + "1" + ")" * 60 + " }}", "template_syntax"),
        ("{{ profile.city" + "|default(profile.city)" * 60 + " }}", "template_not_allowed"),
    ],
)
def test_a_tag_that_is_not_allowed_is_an_error_with_its_line(tag, code):
    assert (code, "html", 4) in errors(f"<p>one</p>\n<p>two</p>\n{tag}\n<p>four</p>")


def test_every_broken_tag_is_reported_at_once():
    found = errors("{{ profile }}\n\n{{ x|shout }}\n{{#if}}")

    assert found == [
        ("profile_access", "html", 2), ("unknown_filter", "html", 4), ("template_syntax", "html", 5)
    ]  # fmt: skip


@pytest.mark.parametrize("part", ["subject", "preheader", "from_name", "text"])
def test_problems_name_their_part(part):
    assert ("profile_access", part, 1) in errors(**{part: "{{ profile }}"})


@pytest.mark.parametrize("part", ["subject", "from_name"])
@pytest.mark.parametrize(
    "tag", ["{{ unsubscribe_url }}", "{{ mirror_url|upper }}", "{% if mirror_url %}x{% endif %}"]
)
def test_addresses_that_act_for_a_recipient_stay_out_of_headers(part, tag):
    assert ("template_not_allowed", part, 1) in errors(**{part: tag})


def test_values_that_double_without_end_are_refused():
    doubling = "{% set a = 'xxxxxxxxxx' %}" + "{% set a = a ~ a ~ a ~ a %}" * 20

    assert ("template_not_allowed", "html", 2) in errors(doubling)


@pytest.mark.parametrize(
    ("tag", "name"),
    [
        ("{{ profile.nickname }}", "profile.nickname"),
        ("{{ name }}", "name"),
        ("{{ order.total }}", "order.total"),
    ],
)
def test_a_name_that_nobody_declared_is_a_warning_and_stays_empty(tag, name):
    (warning,) = findings(f"<p>[{tag}]</p>")

    assert (warning.level, warning.code, warning.line) == ("warning", "undefined_field", 2)
    assert name in warning.message
    assert compiled(f"<p>[{tag}]</p>").used_fields == ()


def test_only_the_fields_that_are_used_travel_with_a_message():
    content = compiled(
        "{% if profile.segment == 'vip' %}<a href='https://example.com/?l={{ profile.language }}'>x</a>{% endif %}",
        subject="{{ profile.first_name|default(profile.city) }}",
    )

    assert content.used_fields == ("city", "first_name", "language", "segment")


def test_a_style_sheet_may_open_a_rule_with_a_number_sign():
    content = compiled("<style>@media print{#menu{color:red}}</style><p>x</p>")

    assert "{{ '{#' }}menu" in content.html


def test_nothing_is_fetched_to_inline_styles(tmp_path):
    sheet = tmp_path / "sheet.css"
    sheet.write_text("p { color: red }")

    content = compiled(f'<link rel="stylesheet" href="{sheet.as_uri()}"><p>x</p>')

    assert "<p>x</p>" in content.html


# Pictures


def test_uploaded_pictures_get_their_address():
    assets = {"images/a b.png": "https://cdn.example/1.png"}

    html = compiled(
        '<img src="./images/a%20b.png" srcset="images/a%20b.png 2x"><table background="images/a b.png"></table>'
        "<p style=\"background: url('images/a b.png')\">x</p><style>p{background:url(images/a%20b.png)}</style>",
        assets=assets,
    ).html

    assert "images/" not in html
    assert '<img src="https://cdn.example/1.png" srcset="https://cdn.example/1.png 2x">' in html


def test_a_picture_that_was_not_uploaded_is_a_warning():
    assert warnings('<img src="images/gone.png">') == [("missing_picture", "html", 2)]


# The text part


def test_a_text_part_is_made_from_the_html():
    source = replace(
        SOURCE,
        text="",
        html="<html><head><title>T</title><style>.h{display:none}</style></head><body><span class=h>hidden</span>"
        "<h1>Hello  {{ profile.first_name }}</h1>{% if profile.city %}<p>In &#123;&#123; {{ profile.city }}</p>"
        "{% endif %}<ul><li>one<li>two</ul><!--[if mso]>Outlook<![endif]-->"
        "<p><a href='https://example.com/'>Shop</a><a href='mailto:a@example.com'>Mail</a></p>" + OPT_OUT,
    )

    content, found = compile_content(source, fields=FIELDS)

    assert [(finding.level, finding.code) for finding in found] == [("warning", "no_text_part")]
    assert content.text == (
        "Hello {{ profile.first_name }}\n\n{% if profile.city %}In {{ '{{' }} {{ profile.city }}\n\n{% endif %}- one\n"
        "- two\n\nShop <{{ _base }}/c/{{ _c0 }}> Mail <a@example.com>\n\nUnsubscribe <{{ _base }}/u/{{ _u }}>\n"
    )


def test_conditions_stay_balanced_in_the_text_part_wherever_they_stand():
    body = (
        "<!-- {% if profile.city %} --><p class='{% if profile.segment %}x{% endif %}'>x</p><!-- {% endif %} -->"
        "<table {% if profile.points > 5 %}border='1'{% endif %}><tr><td>y</td></tr></table>"
    )

    content, found = compile_content(with_body(body, {"text": ""}), fields=FIELDS)

    assert content, found
    assert content.text.count("{% if") == content.text.count("endif")


# Size and storage


def test_html_that_would_be_cut_is_a_warning():
    assert warnings("<p>" + "word " * 21_000 + "</p>") == [("over_102_kb", "html", None)]


def test_long_lines_are_folded_without_changing_what_is_seen():
    cells = "".join(f"<td class='c{n}'><b>{n}</b>word word</td>" for n in range(200))

    html = compiled(f"<table><tr>{cells}</tr></table><pre>{'x ' * 600}</pre>", tracking=False).html

    assert max(map(len, html.replace("x " * 600, "").split("\n"))) < 900
    assert "x " * 600 in html
    assert "".join(html.split()) == "".join(
        compile_content(with_body(f"<table><tr>{cells}</tr></table><pre>{'x ' * 600}</pre>", {}), fields=FIELDS, tracking=False)[0].html.split()
    )  # fmt: skip
    assert "<b>199</b>" in html.replace("\n>", ">")


def test_compiled_content_survives_storage():
    content = compiled(
        '<a href="https://example.com/?x={{ profile.city }}">x</a>', preheader="p", reply_to="r@example.com"
    )

    stored = json.dumps(content.to_json(), sort_keys=True)

    assert Compiled.from_json(json.loads(stored)) == content


def test_compiling_twice_gives_the_same():
    body = "{{ profile.city }}{{ profile.segment }}{% set b = 1 %}{% set a = 2 %}"

    assert compiled(body).to_json() == compiled(body).to_json()


def test_findings_survive_storage():
    (finding,) = findings("{{ x|shout }}", level="error")

    assert Finding.from_dict(json.loads(json.dumps(finding.to_dict()))) == finding
    assert str(finding) == "html:2: There is no filter “shout”."
