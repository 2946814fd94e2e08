"""From compiled content and one recipient to a message, read back with Python's own parser."""

import re
from datetime import date
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.lib.tokens import Purpose
from deliveries.content.compile import compile_content
from deliveries.content.message.render import Renderer, RenderError, awkward_values
from deliveries.content.source import Source
from deliveries.content.tests.rendering import ANA, BODY, FIELDS, KEY, NOON, renderer, signer

RENDERER = renderer()


def sent(
    renderer=RENDERER, *, seq=7, address="ana@example.org", name="Ana", values=ANA, **options
) -> EmailMessage:
    return message_from_bytes(
        raw(renderer, seq=seq, address=address, name=name, values=values, **options), policy=policy.default
    )


def raw(renderer=RENDERER, *, seq=7, address="ana@example.org", name="Ana", values=ANA, **options) -> bytes:
    return renderer.message(seq=seq, address=address, name=name, values=values, date=NOON, **options)


def rendered(expression, *, part="subject", **values):
    """What an expression comes to, in a subject or in HTML."""
    made = renderer(**{part: expression}) if part == "subject" else renderer(f"<p>{expression}</p>" + BODY)
    return (
        made.subject(values=values)
        if part == "subject"
        else re.search("<p>(.*?)</p>", made.html(seq=1, values=values)).group(1)
    )


# The message as a whole


def test_a_message_is_complete():
    message = sent()

    assert message["From"] == "Açaí & Co <news@example.com>"
    assert message["To"] == "Ana <ana@example.org>"
    assert message["Subject"] == "Ana, news from São Paulo"
    assert message["Date"].datetime == NOON
    assert message["List-Id"] == "<news.example.com>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert message["Precedence"] == "bulk"
    assert [part.get_content_type() for part in message.walk()] == [
        "multipart/alternative", "text/plain", "text/html"
    ]  # fmt: skip
    assert not any(part.defects for part in message.walk())


def test_headers_of_ours_are_signed_for_this_message():
    message = sent(seq=9)

    unsubscribe = message["List-Unsubscribe"].strip("<>").removeprefix("https://mail.example.com/u/")
    message_id = message["Message-ID"].strip("<>").partition("@")[0]
    assert signer.read(unsubscribe, Purpose.UNSUBSCRIBE).seq == 9
    assert signer.read(message["X-Sinete-Message"], Purpose.MESSAGE).delivery_key == KEY
    assert signer.read(message_id, Purpose.MESSAGE).seq == 9
    assert signer.read(RENDERER.return_path(9).partition("@")[0].removeprefix("b-"), Purpose.BOUNCE).seq == 9


def test_a_second_attempt_is_the_same_message():
    assert raw() == raw()


def test_the_boundary_is_no_token_of_a_message():
    assert sent().get_boundary() != f"=_{sent(seq=0)['X-Sinete-Message']}"


@pytest.mark.parametrize("encoding", ["8bit", "encoded"])
def test_what_is_sent_is_what_the_preview_shows(encoding):
    message = sent(encoding=encoding)

    assert message["Subject"] == RENDERER.subject(values=ANA)
    assert same(message.get_body(("html",)), RENDERER.html(seq=7, values=ANA))
    assert same(message.get_body(("plain",)), RENDERER.text(seq=7, values=ANA))


def same(part, shown):
    return part.get_content().replace("\r\n", "\n").rstrip("\n") == shown.rstrip("\n")


def test_an_encoded_message_is_pure_ascii():
    assert raw(encoding="encoded").isascii()
    assert not raw(encoding="8bit").isascii()


@pytest.mark.parametrize(
    ("html", "text"), [("", "Hi {{ unsubscribe_url }}"), (BODY, "Hi {{ unsubscribe_url }}")]
)
@pytest.mark.parametrize("encoding", ["8bit", "encoded"])
def test_every_message_ends_with_a_line_end_and_holds_no_bare_one(html, text, encoding):
    octets = raw(renderer(html, text=text), encoding=encoding)

    assert octets.endswith(b"\r\n")
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")


def test_a_line_that_a_value_makes_too_long_is_encoded_for_this_recipient_only():
    message = sent(values={"city": "x" * 2000})

    assert max(map(len, message.as_bytes().split(b"\n"))) < 998
    assert message.get_body(("html",))["Content-Transfer-Encoding"] == "base64"
    assert "x" * 2000 in message.get_body(("html",)).get_content()
    assert sent().get_body(("html",))["Content-Transfer-Encoding"] == "8bit"


def test_a_proof_carries_its_prefix_in_the_subject():
    assert sent(subject_prefix="[Proof 1]")["Subject"] == "[Proof 1] Ana, news from São Paulo"


def test_reply_to_is_there_when_given():
    assert sent(renderer(reply_to="help@example.com"))["Reply-To"] == "help@example.com"


# Links


def test_links_lead_to_us_with_a_token_for_each():
    html = RENDERER.html(seq=3, values=ANA)
    tokens = re.findall(r"https://mail\.example\.com/([cmou])/([\w-]{36})", html)

    assert [kind for kind, _token in tokens] == ["c", "c", "m", "u", "o"]
    assert [signer.read(token, Purpose.CLICK).link for kind, token in tokens if kind == "c"] == [0, 1]
    assert "www.example.com" not in html


def test_a_click_leads_to_the_address_with_the_recipients_values():
    assert RENDERER.link_url(0, ANA) == "https://www.example.com/s?a=1&q=S%C3%A3o%20Paulo#x"
    assert RENDERER.link_url(1, ANA) == "https://www.example.com/plain"


@given(st.text())
def test_no_value_leads_a_click_elsewhere(text):
    url = RENDERER.link_url(0, {"city": text})

    assert url.startswith("https://www.example.com/s?a=1&q=")
    assert not re.search(r"""[\s<>"'\\]""", url)


def test_only_tracked_links_are_redirected():
    with pytest.raises(RenderError):
        RENDERER.link_url(2, ANA)


def test_a_preview_without_a_recipient_carries_no_valid_token():
    assert re.findall(r"/([cmou])/(\w+)", RENDERER.html(seq=None, values=ANA)) == [
        (kind, "preview") for kind in "ccmuo"
    ]


def test_without_tracking_there_is_no_pixel():
    assert "/o/" not in renderer(tracking=False).html(seq=1, values=ANA)


# Values


@pytest.mark.parametrize(
    ("expression", "values", "expected"),
    [
        ("{{ profile.first_name|default('you') }}", {}, "you"),
        ("{{ profile.first_name|default('you') }}", {"first_name": None}, "you"),
        ("{{ profile.first_name|default('you') }}", {"first_name": ""}, "you"),
        ("{{ profile.first_name|trim|default('you') }}", {"first_name": "  "}, "you"),
        ("{{ profile.first_name|default('you')|upper }}", {}, "YOU"),
        ("{{ profile.first_name or 'you' }}", {}, "you"),
        ("{{ profile.points|default('no') }}", {"points": 0}, "0"),
        ("{{ profile.points }}", {"points": 12.0}, "12"),
        ("{{ profile.points }}", {"points": "12.50"}, "12.5"),
        ("{{ profile.points / 4 }}", {"points": 10}, "2.5"),
        ("{{ profile.points + 1 }}", {}, "1"),
        ("{{ profile.points|round }}", {"points": 2.6}, "3"),
        ("x{{ profile.points|round }}", {}, "x"),
        ("{{ 'a' if profile.points > 100 else 'b' }}", {}, "b"),
        ("{{ 'a' if profile.points < 100 else 'b' }}", {}, "b"),
        ("{{ 'a' if profile.points >= 100 else 'b' }}", {"points": 100}, "a"),
        ("{{ 'a' if profile.city is defined else 'b' }}", {"city": ""}, "b"),
        ("{{ 'a' if profile.city is not none else 'b' }}", {}, "b"),
        ("{{ 'a' if profile.city is startingwith 'S' else 'b' }}", {"city": "S."}, "a"),
        ("{{ 'a' if profile.segment in ['vip', 'new'] else 'b' }}", {"segment": "new"}, "a"),
        ("{{ profile.birth_date|date('%d/%m/%Y') }}", {"birth_date": date(2026, 4, 30)}, "30/04/2026"),
        ("x{{ profile.birth_date|date('%d/%m') }}", {}, "x"),
        ("{{ 'a' if profile.birth_date < '2000-01-01' else 'b' }}", {}, "b"),
        ("{{ 'a' if profile.is_member else 'b' }}", {"is_member": "no"}, "b"),
        ("{{ 'a' if profile.is_member else 'b' }}", {"is_member": True}, "a"),
        ("{% if profile.city %}{% set w = 'in ' ~ profile.city %}{% endif %}x{{ w }}", {}, "x"),
        ("{% set w = profile.city|default('far') %}{{ w }}", {}, "far"),
        ("{% raw %}{{ profile.city }}{% endraw %}", {}, "{{ profile.city }}"),
        ("a {# not sent #}b", {}, "a b"),
        ("a  {{- profile.city -}}  b", {"city": "-"}, "a-b"),
        ("{{ nobody }}{{ no.one }}{{ profile.unknown }}{{ a-b }}x", {}, "x"),
        (
            "{{ profile.city }}",
            {"city": "{{ profile.first_name }}", "first_name": "no"},
            "{{ profile.first_name }}",
        ),
        ("{{ profile.city }}", {"city": "<b> & 'x'"}, "<b> & 'x'"),
    ],
)
def test_an_expression_means_what_a_marketer_expects(expression, values, expected):
    assert rendered(expression, **values) == expected


def test_markup_in_a_value_is_text_in_html():
    shown = rendered("{{ profile.city }}", part="html", city="<script>alert(1)</script>")

    assert "<" not in shown
    assert unescape(shown) == "<script>alert(1)</script>"


def test_a_value_can_not_leave_its_attribute():
    class Attributes(HTMLParser):
        def handle_starttag(self, tag, attributes):
            seen.append(dict(attributes))

    seen: list[dict] = []
    Attributes().feed(RENDERER.html(seq=1, values={"first_name": "\" onmouseover='x' y=\""}))

    assert {"title": "\" onmouseover='x' y=\"", "href": seen[4]["href"]} in seen


@pytest.mark.parametrize("value", [object(), ["x"], {"upper": 1}, lambda: "called", "".__class__])
def test_whatever_is_passed_in_only_its_text_is_seen(value):
    assert rendered("{{ profile.city }}", city=value) == str(value).strip()


def test_what_can_not_be_computed_names_part_and_cause():
    with pytest.raises(RenderError) as refused:
        renderer(subject="{{ profile.birth_date|date('%d') }}").subject(values={"birth_date": "tomorrow"})

    assert refused.value.part == "subject"
    assert "tomorrow" in str(refused.value)


def test_awkward_recipients_are_harmless():
    for recipient in awkward_values(FIELDS):
        message = sent(name=recipient.name, address=recipient.address, values=recipient.values)

        assert len(message["To"].addresses) == 1
        assert message["Bcc"] is None
        assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]
        assert "<script" not in message.get_body(("html",)).get_content()
        assert same(message.get_body(("html",)), RENDERER.html(seq=7, values=recipient.values))


# Headers

anything = st.text(st.characters(), max_size=400)
nasty = st.sampled_from(
    ["\r\nBcc: x@example.com", "\n\n<p>", "a\x00b", '"', "\\", '\\"', "=?utf-8?q?x?=", ",", "a@b.com", "<a@b.com>", "(x)", "é" * 90, "🙂" * 60, "\u2028", "\x85", "\udc80", " ", "x" * 300]
)  # fmt: skip
hostile = st.lists(st.one_of(anything, nasty), max_size=5).map("".join)


@settings(deadline=None)
@given(name=hostile, first_name=hostile, city=hostile)
def test_no_value_adds_a_header_a_recipient_or_a_part(name, first_name, city):
    values = {"first_name": first_name, "city": city}

    octets = raw(name=name, values=values)
    message = message_from_bytes(octets, policy=policy.default)

    assert message.keys() == sent().keys()
    assert [a.addr_spec for a in message["To"].addresses] == ["ana@example.org"]
    assert display_name(octets) == shown(name)
    assert message["Subject"] == RENDERER.subject(values=values)
    assert same(message.get_body(("plain",)), RENDERER.text(seq=7, values=values))
    assert same(message.get_body(("html",)), RENDERER.html(seq=7, values=values))
    assert max(map(len, octets.split(b"\r\n"))) <= 998
    assert octets.count(b"\n") == octets.count(b"\r\n") == octets.count(b"\r")


def display_name(octets):
    """The recipient's name, words joined as RFC 2047 asks (Python 3.11's parser leaves a space between them)."""
    written = message_from_bytes(octets)["To"]
    if written.startswith("=?"):
        return str(make_header(decode_header(written.rpartition(" <")[0])))
    return message_from_bytes(octets, policy=policy.default)["To"].addresses[0].display_name


def shown(name):
    return re.sub(
        "[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufdd0-\ufdef\ufffe\uffff]+", " ", name
    ).strip()


@pytest.mark.parametrize(
    "address",
    ["", "a", "a@", "@b", "a b@example.com", "a@example.com\r\nBcc: b@example.com", "a@b@c", "<a@example.com>", "a@example.com,b@example.com", "é\u2028@example.com", "a@ex\x00ample.com"],
)  # fmt: skip
def test_an_address_that_can_not_stand_in_a_header_is_refused(address):
    with pytest.raises(RenderError) as refused:
        raw(address=address)

    assert refused.value.part == "address"


def test_a_local_part_beyond_ascii_stands_as_it_is():
    """Only a relay with SMTPUTF8 is given such a message."""
    assert "\r\nTo: Ana <é@example.com>\r\n".encode() in raw(address="é@example.com")


def test_a_domain_outside_ascii_is_written_in_ascii():
    assert sent(address="ana@café.example")["To"] == "Ana <ana@xn--caf-dma.example>"


def test_the_senders_name_may_depend_on_the_recipient():
    made = renderer(from_name="Shop {{ profile.city|default('Online') }}")

    assert sent(made, values={"city": "Faro,\r\nX: y"})["From"].addresses[0].display_name == "Shop Faro, X: y"
    assert made.from_name(values={}) == "Shop Online"


# Whatever an author writes

FRAGMENTS = [
    "<p>", "</p>", "<a href=", "'", '"', "https://example.com/", "?q=", ">", "<", "=", " ", "\n", "</a>", "<table><tr><td>",
    "<style>p{color:red}</style>", "<style>", "{#x{", "<!--[if mso]>", "<![endif]-->", "<!--", "-->", "<pre>", "<img src=",
    "{{ profile.city }}", "{{ profile.first_name|default('x') }}", "{{ nobody }}", "{{", "}}", "{%", "%}", "{#", "#}", "{", "}",
    "{% if profile.points > 1 %}", "{% else %}", "{% endif %}", "{% raw %}", "{% endraw %}", "{% set a = profile.city ~ 'x' %}",
    "{{ a }}", "{{- 'x' -}}", "&amp;", "&#123;", "é", "\x00", "\ufdd0", "{{ unsubscribe_url }}", "{{ mirror_url }}", "x" * 300,
    "style='color:{{ profile.city }}'", "class='a'", "<textarea>", "<title>", "\\",
]  # fmt: skip


@settings(deadline=None, max_examples=200)
@given(
    body=st.lists(st.sampled_from(FRAGMENTS), max_size=25).map("".join),
    line=st.lists(st.sampled_from(FRAGMENTS), max_size=5).map("".join),
    tracking=st.booleans(),
)
def test_content_either_compiles_and_renders_or_says_why_not(body, line, tracking):
    unsubscribe = "<p><a href='{{ unsubscribe_url }}'>out</a></p>"
    source = Source(
        subject=f"x {line}",
        preheader=line,
        from_address="a@example.com",
        html=f"{unsubscribe}{body}",
        text="",
    )

    compiled, findings = compile_content(source, fields=FIELDS, tracking=tracking)

    if compiled is None:
        assert [str(finding) for finding in findings if finding.is_error]
        return
    made = Renderer(
        compiled, base_url="https://m.example.com", signer=signer, delivery_key=KEY, domain="example.com"
    )
    for recipient in awkward_values(FIELDS):
        octets = raw(made, name=recipient.name, values=recipient.values)
        message = message_from_bytes(octets, policy=policy.default)
        assert message["Subject"] == made.subject(values=recipient.values)
        assert same(message.get_body(("html",)), made.html(seq=7, values=recipient.values))
        assert "<script>alert" not in made.html(seq=7, values=recipient.values)
