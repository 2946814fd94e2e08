"""Links are tracked where a reader can follow them, and an unsafe one is refused."""

import time

import pytest

from deliveries.content.tests.compiling import compiled, errors, warnings
from deliveries.content.tests.rendering import ANA, renderer


def test_links_are_tracked_wherever_a_reader_can_follow_them():
    content = compiled(
        '<a href="https://example.com/a?x=1&amp;y=%20#z">One</a>'
        "<map><area href='https://example.com/b' alt='Two'></map>"
        '<!--[if mso]><v:roundrect href="https://example.com/c"><center>Three</center></v:roundrect><![endif]-->'
    )

    assert [(link.label, link.url, link.kind) for link in content.links] == [
        ("One", "https://example.com/a?x=1&y=%20#z", "tracked"),
        ("Two", "https://example.com/b", "tracked"),
        ("Three", "https://example.com/c", "tracked"),
        ("Unsubscribe", "{{ unsubscribe_url }}", "opt_out"),
    ]
    assert "example.com" not in content.html
    assert '<a href="{{ _base }}/c/{{ _c0 }}">One</a>' in content.html
    assert '<a href="{{ _base }}/u/{{ _u }}">Unsubscribe</a>' in content.html


@pytest.mark.parametrize(
    "href", ["mailto:a@example.com?subject=x", "tel:+5511999999999", "sms:123", "#top", "", "  "]
)
def test_other_links_stay_as_they_are(href):
    content = compiled(f'<a href="{href}">x</a>')

    assert f'<a href="{href}">x</a>' in content.html
    assert [link.kind for link in content.links] == ["opt_out"]


@pytest.mark.parametrize(
    "href",
    [
        "javascript:alert(1)",
        " JavaScript:alert(1)",
        "java&#9;script:alert(1)",
        "java&#x0A;script:alert(1)",
        "&#106;avascript:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "https://user@example.com/",
        "https:///x",
        "https://example.com\\@evil.example/",
    ],
)
def test_an_unsafe_link_is_refused(href):
    assert ("unsafe_link", "html", 2) in errors(f'<a href="{href}">x</a>')


@pytest.mark.parametrize(
    "href",
    [
        "{{ profile.city }}",
        "{{ action_url }}",
        "https://{{ profile.city }}/",
        "https://example.com{{ profile.city }}",
        "https://{{ profile.city }}.example.com/",
        "http{{ profile.city }}://example.com/",
        "{% if profile.city %}https://a.example/{% else %}https://b.example/{% endif %}",
        "{{ unsubscribe_url }}{{ profile.city }}",
        "java{{ profile.city }}script:x",
    ],
)
def test_scheme_and_host_can_not_depend_on_the_recipient(href):
    assert ("dynamic_link_host", "html", 2) in errors(f'<a href="{href}">x</a>')


@pytest.mark.parametrize("name", ["unsubscribe_url", "mirror_url", "mine"])
def test_a_tracked_link_depends_on_the_profile_alone(name):
    body = f"{{% set mine = 'x' %}}<a href='https://example.com/?x={{{{ {name} }}}}'>x</a>"

    assert ("link_variable", "html", 2) in errors(body)


def test_a_condition_ends_in_the_link_where_it_began():
    body = "<a href='https://example.com/?{% if profile.city %}x'>x</a>{% endif %}"

    assert ("template_not_allowed", "html", 2) in errors(body)


def test_a_link_that_nobody_can_read_is_a_warning():
    assert warnings('<a href="https://example.com/"><img src="https://example.com/x.png"></a>') == [
        ("unlabelled_link", "html", 2)
    ]


def test_the_alternative_text_of_a_picture_labels_its_link():
    content = compiled(
        '<a href="https://example.com/"><img alt="A &amp; B" src="https://example.com/x.png"></a>'
    )

    assert content.links[0].label == "A & B"


def test_the_same_link_of_html_and_text_shares_a_number():
    content = compiled(
        '<a href="https://example.com/a">A</a>', text="See https://example.com/a. (https://example.com/b)\n"
    )

    assert content.text == "See {{ _base }}/c/{{ _c0 }}. ({{ _base }}/c/{{ _c2 }})\n"
    assert content.links[2].url == "https://example.com/b"


def test_without_tracking_links_lead_where_they_say():
    content = compiled(
        '<a href="https://example.com/?a=1&amp;b={{ profile.city }}">A</a>',
        tracking=False,
        text="https://x.example/",
    )

    assert 'href="https://example.com/?a=1&amp;b={{ (profile.city)|urlencode }}"' in content.html
    assert "_o" not in content.html
    assert content.text == "https://x.example/\n"
    assert [link.kind for link in content.links] == ["opt_out"]


def test_where_thousands_of_links_lead_is_said_in_a_time_in_line_with_their_number():
    """A context with the slots of all links, made anew for each of them, took a second."""
    rows = "".join(f"<a href='https://shop.example.com/{number}'>x</a>" for number in range(2_000))
    page = renderer(f"<body>{rows}<a href='{{{{ unsubscribe_url }}}}'>Unsubscribe</a></body>")
    began = time.process_time()

    addresses = [page.link_url(number, ANA) for number in range(2_000)]

    assert time.process_time() - began < 0.4
    assert addresses[-1] == "https://shop.example.com/1999"
