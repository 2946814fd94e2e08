"""Merge tags mean what they say: to the engine that runs them, to editors that write references, and to other systems."""

import re

import minijinja
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deliveries.content.findings import Findings
from deliveries.content.merge_tags.engine import environment
from deliveries.content.merge_tags.scope import Scope
from deliveries.content.tests.compiling import FIELDS, findings
from deliveries.content.tests.rendering import renderer

OPT_OUT = '<a href="{{ unsubscribe_url }}">Out</a>'
VALUES = {"points": 7, "first_name": "Ana", "city": "Tom & Ann", "is_member": True}


def shown(tag, **values):
    """What a tag in HTML comes to."""
    html = renderer(f"<p>{tag}</p>{OPT_OUT}").html(seq=1, values=values)
    return re.search("<p>(.*?)</p>", html, re.S).group(1)


# The engine


def by_us(expression: str) -> str | None:
    """What our reading of an expression comes to; None where it is refused."""
    found = Findings()
    scope = Scope("subject", f"{{{{ {expression} }}}}", fields=FIELDS, used=set(), findings=found)
    if found.has_errors:
        return None
    run = environment({"try.txt": scope.template()})
    return run.render_template("try.txt", profile=dict.fromkeys((f.name for f in FIELDS), "") | VALUES)


def by_the_engine(expression: str) -> str | None:
    """What minijinja makes of it as it is written; None where it fails."""
    try:
        return minijinja.Environment(pycompat=False).render_str(f"{{{{ {expression} }}}}", profile=VALUES)
    except minijinja.TemplateError:
        return None


numbers = st.sampled_from(["profile.points", "3", "2", "-profile.points", "- 4", "(1 + 2)"])
texts = st.sampled_from(["profile.first_name", "'x'", "profile.city|upper", "'a'|length"])
signs = st.sampled_from(["+", "-", "*", "//", "%", "~", "==", "!=", "<", ">=", "and", "or"])
tails = st.sampled_from(
    ["", "|abs", "|string|length", " is odd", " is number", " is not even", "|abs|string"]
)
operands = st.tuples(st.sampled_from(["", "", "not "]), st.one_of(numbers, numbers, texts), tails).map(
    "".join
)
expressions = st.tuples(operands, st.lists(st.tuples(signs, operands), max_size=3)).map(
    lambda drawn: drawn[0] + "".join(f" {sign} {operand}" for sign, operand in drawn[1])
)


@settings(deadline=None, max_examples=300)
@given(expression=expressions)
def test_an_expression_comes_to_what_the_engine_makes_of_it(expression):
    ours, theirs = by_us(expression), by_the_engine(expression)

    assert ours is None or theirs is None or ours.lower() == theirs.lower()


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("-profile.points|abs", "7"),
        ("-profile.points|string|length", "2"),
        ("'a' ~ 2 * 3", "a6"),
        ("10 - 2 ~ 1", None),
        ("(10 - 2) ~ 1", "81"),
        ("7 // 2 * 2", "6"),
        ("not profile.points is odd", "False"),
    ],
)
def test_what_binds_more_tightly_is_the_engines(expression, expected):
    assert by_us(expression) == expected


# Filters


@pytest.mark.parametrize(
    ("tag", "full", "empty"),
    [
        ("{{ profile.city|truncate(20) }}", "Tom &amp; Ann", ""),
        ("{{ 'one two three four'|truncate(12) }}", "one two...", "one two..."),
        ("{{ 'one two three'|truncate(6, true, '') }}", "one tw", "one tw"),
        ("{{ profile.first_name|first }}", "A", ""),
        ("{{ profile.first_name|last|upper }}", "A", ""),
        ("{{ [1, 2]|last }}", "2", "2"),
        ("{{ profile.points|int }}", "7", ""),
        ("{{ '12.7'|int }}", "12", "12"),
        ("{{ profile.city|int }}", "", ""),
        ("{{ '12.456'|round(2) }}", "12.46", "12.46"),
        ("{{ profile.points|round }}", "7", ""),
        ("{{ profile.city|round }}", "", ""),
        ("{{ '-3'|abs }}", "3", "3"),
        ("{{ '1.5'|float }}", "1.5", "1.5"),
    ],
)
def test_a_filter_that_is_listed_works_for_every_value(tag, full, empty):
    assert (shown(tag, **VALUES), shown(tag)) == (full, empty)


# Editors


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ('{% if profile.city == "Tom &amp; Ann" %}yes{% else %}no{% endif %}', "yes"),
        ('{{ profile.segment|default("A &amp; B") }}', "A &amp; B"),
        ("{{ profile.segment|default(&quot;A&#39;s&quot;) }}", "A&#x27;s"),
        ("{{ profile.segment|default(&#34;x&#x22;) }}", "x"),
        ("{% if profile.points &gt; 5 and profile.points &lt;= 7 %}yes{% endif %}", "yes"),
        ("{{&nbsp;profile.first_name&nbsp;}}", "Ana"),
        ('{{ "say &quot;hi&quot;" }}', "say &quot;hi&quot;"),
        ('{{ "a &amp;amp; b" }}', "a &amp;amp; b"),
        ('{{ "R&D" ~ "&copy=" }}', "R&amp;D&amp;copy="),
        ("{{ &quot;}} &amp; {{&quot; }}", "}} &amp; {{"),
    ],
)
def test_a_reference_in_a_tag_is_the_sign_that_it_stands_for(tag, expected):
    assert shown(tag, **VALUES) == expected


def test_a_tag_of_a_text_is_read_as_it_is_written():
    made = renderer(subject="{{ profile.segment|default('A &amp; B') }}")

    assert made.subject(values={}) == "A &amp; B"


# Other systems


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("{{FirstName}}", "profile.first_name"),
        ("{{ profile.firstname }}", "profile.first_name"),
        ("{{ contact.city }}", "profile.city"),
        ("*|FNAME|*", "profile.first_name"),
        ("%FIRSTNAME%", "profile.first_name"),
        ("%%first_name%%", "profile.first_name"),
        ("[[x]]", None),
        ("[[First Name]]".replace(" ", "_"), "profile.first_name"),
        ("{first_name}", "profile.first_name"),
        ("{fist_name}", "profile.first_name"),
        ("${name}", "profile.first_name"),
        ("<%= city %>", "profile.city"),
        ("*|UNSUB|*", "unsubscribe_url"),
        ("*|ARCHIVE|*", "mirror_url"),
        ("*|LIST:COMPANY|*", None),
        ("{x}", None),
        ("%WEATHER%", None),
    ],
)
@pytest.mark.parametrize("part", ["html", "subject"])
def test_a_tag_of_another_system_is_told_with_its_line_and_what_was_meant(written, meant, part):
    source = {"html": f"<p>Hello</p>\n<p>{written}</p>{OPT_OUT}"} if part == "html" else {part: written}

    (found,) = [f for f in findings(**source) if f.code in ("foreign_tag", "undefined_field")]

    assert (found.level, found.where, found.line) == ("warning", part, 2 if part == "html" else 1)
    assert found.slots.get("meant") == meant
    assert meant is None or f"{{{{ {meant} }}}}" in found.message


@pytest.mark.parametrize(
    "text",
    [
        "20% off and 30% more",
        "100%ANA%",
        "a{b",
        "[x]",
        "https://shop.example.com/?a=%C3%A9%20b%FA%",
        "*bold* | *more*",
        "50%off%now",
    ],
)
def test_words_are_no_tags(text):
    assert not [f for f in findings(f"<p>{text}</p><style>a{{color}}</style>") if f.code == "foreign_tag"]
