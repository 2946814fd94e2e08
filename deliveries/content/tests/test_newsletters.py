"""Real newsletters: compiled with everything in them intact, or refused with line and cause."""

import json
import re
from datetime import UTC, datetime
from email import message_from_bytes, policy
from html import unescape
from pathlib import Path

import pytest
from django.conf import settings
from selectolax.lexbor import LexborHTMLParser

from campaign.lib.tokens import Purpose, Signer
from deliveries.content.compile import compile_content
from deliveries.content.message.render import Renderer, awkward_values
from deliveries.content.source import Field, Source

NEWSLETTERS = Path(settings.BASE_DIR).parent / "shared" / "data" / "newsletters"
DEMO = Path(settings.BASE_DIR) / "deliveries" / "demo" / "newsletter"
FILES = sorted(NEWSLETTERS.glob("*.html"))
FIELDS = [
    Field("first_name"),
    Field("city"),
    Field("segment"),
    Field("points", "number"),
    Field("language"),
]
VALUES = {"first_name": "Ana", "city": "São Paulo", "segment": "vip", "points": 5, "language": "pt"}
OPT_OUT = '<p><a href="{{ unsubscribe_url }}">Unsubscribe</a></p></body>'
ELSEWHERE = ("postmark-receipt", "postmark-trial-expiring", "postmark-welcome")
CONDITIONAL = re.compile(r"<!--\[if.*?\]>|<!\[endif\]-->|<!--<!\[endif\]-->|<!-->")

needs_newsletters = pytest.mark.skipif(not FILES, reason="the newsletters are not beside this checkout")


def source_of(path: Path) -> Source:
    settings_file = path.with_suffix(".json")
    written = (
        json.loads(settings_file.read_text())
        if settings_file.exists()
        else {"subject": "News", "from_name": "Shop", "from_address": "news@example.com"}
    )
    html = path.read_text()
    if "unsubscribe_url" not in html:
        html = html.replace("</body>", OPT_OUT)
    return Source(html=html, **written)


def compiled(path: Path, **options):
    return compile_content(source_of(path), fields=FIELDS, **options)


def renderer(content) -> Renderer:
    return Renderer(
        content,
        base_url="https://mail.example.com",
        signer=Signer({1: b"k" * 32}, 1),
        delivery_key=1,
        domain="example.com",
    )


def hrefs(html: str) -> list[str]:
    return [node.attributes.get("href") or "" for node in LexborHTMLParser(html).css("a, area")]


def is_of_another_language(path: Path) -> bool:
    return path.name.startswith(ELSEWHERE)


ours = pytest.mark.parametrize(
    "path", [p for p in FILES if not is_of_another_language(p)], ids=lambda p: p.stem
)
theirs = pytest.mark.parametrize(
    "path", [p for p in FILES if is_of_another_language(p)], ids=lambda p: p.stem
)


@needs_newsletters
def test_all_of_them_are_here():
    assert len(FILES) == 17


@needs_newsletters
@ours
def test_a_newsletter_compiles(path):
    content, findings = compiled(path)

    assert content, [str(finding) for finding in findings]
    assert all(finding.message for finding in findings)


@needs_newsletters
@theirs
def test_a_template_of_another_system_is_refused_with_line_and_cause(path):
    content, findings = compiled(path)
    lines = source_of(path).html.split("\n")

    errors = [finding for finding in findings if finding.is_error]
    assert content is None
    assert {finding.code for finding in errors} <= {"template_syntax", "dynamic_link_host"}
    assert all("{{" in lines[finding.line - 1] for finding in errors)
    if "receipt" in path.name:
        assert any("{{#each" in lines[f.line - 1] and "{{#each" in f.message for f in errors)


@needs_newsletters
@ours
def test_conditional_comments_doctype_and_style_sheets_stay(path):
    source = source_of(path).html

    html = renderer(compiled(path)[0]).html(seq=1, values=VALUES)

    assert CONDITIONAL.findall(html) == CONDITIONAL.findall(source)
    assert html.split(">", 1)[0] == source.split(">", 1)[0]
    assert html.count("<style") == source.count("<style")
    assert html.count("@media") == source.count("@media")


@needs_newsletters
@ours
def test_each_tag_and_each_word_stays(path):
    source = source_of(path).html
    quiet = re.compile(r"\{[{%].*?[%}]\}|<!--.*?-->", re.S)

    content, _findings = compiled(path, tracking=False)

    def words(html: str) -> list[str]:
        body = LexborHTMLParser(quiet.sub(" ", html)).body
        return body.text(separator=" ").split()

    def tags(html: str) -> list[str]:
        return re.findall(
            r"</?(?!link\b)([a-z0-9]+)", quiet.sub(" ", html)
        )  # style sheets from elsewhere are taken out

    preheader = source_of(path).preheader
    hidden = len(preheader.split()) + 39 if preheader else 0  # the filler's first word touches the last one
    assert words(content.html)[hidden:] == words(source)
    assert tags(content.html)[:5] == tags(source)[:5]
    assert len(tags(content.html)) == len(tags(source)) + 2 * bool(preheader)


@needs_newsletters
@ours
def test_each_link_leads_where_its_author_meant(path):
    source = source_of(path)
    made = renderer(compiled(path)[0])

    before, after = hrefs(source.html), hrefs(made.html(seq=1, values=VALUES))

    assert len(before) == len(after)
    for written, sent in zip(before, after, strict=True):
        if written.startswith(("#", "mailto:", "tel:")) or not written:
            assert sent == written
        elif "unsubscribe_url" in written:
            assert sent.startswith("https://mail.example.com/u/")
        elif "mirror_url" in written:
            assert sent.startswith("https://mail.example.com/m/")
        else:
            expected = written.replace("{{ profile.language|default('en')|urlencode }}", "pt")
            assert made.link_url(link_of(sent), VALUES) == expected


def link_of(url: str) -> int:
    token = url.removeprefix("https://mail.example.com/c/")
    return Signer({1: b"k" * 32}, 1).read(token, Purpose.CLICK).link


@needs_newsletters
@ours
def test_each_recipient_gets_a_sound_message(path):
    made = renderer(compiled(path)[0])
    everybody = [("Ana", VALUES), *((r.name, r.values) for r in awkward_values(FIELDS))]

    for seq, (name, values) in enumerate(everybody):
        octets = made.message(
            seq=seq, address="a@example.org", name=name, values=values, date=datetime.now(UTC)
        )
        message = message_from_bytes(octets, policy=policy.default)

        assert not any(part.defects for part in message.walk())
        assert max(map(len, octets.split(b"\r\n"))) <= 998
        assert "<script>alert" not in message.get_body(("html",)).get_content()


@needs_newsletters
@pytest.mark.parametrize(
    ("name", "values", "expected", "absent"),
    [
        ("colorlib-06-shopping", VALUES, "Hello Ana", "{%"),
        ("colorlib-06-shopping", {}, "Hello there", "Pick up in"),
        ("leemunroe-simple", VALUES, "5 points wait on your card", "It has been a while"),
        ("leemunroe-simple", {"segment": "lapsed"}, "It has been a while", "points wait"),
        ("colorlib-26-invitation", {"city": "<b>"}, "&lt;b&gt;", "<b>"),
    ],
)
def test_merge_tags_and_conditions_work(name, values, expected, absent):
    html = renderer(compiled(NEWSLETTERS / f"{name}.sinete.html")[0]).html(seq=1, values=values)

    assert expected in html
    assert absent not in html


# The newsletter that the project brings along


def demo():
    written = json.loads((DEMO / "newsletter.json").read_text())
    pictures = {f"images/{p.name}": f"https://m.example.com/{p.name}" for p in (DEMO / "images").iterdir()}
    source = Source(html=(DEMO / "newsletter.html").read_text(), **written)
    return compile_content(source, fields=FIELDS, assets=pictures)


def test_the_newsletter_of_the_demo_compiles():
    content, findings = demo()

    assert [finding.code for finding in findings] == ["no_text_part"]
    assert [link.kind for link in content.links].count("tracked") == 8
    assert {"opt_out", "mirror"} <= {link.kind for link in content.links}
    assert "images/" not in content.html


@pytest.mark.parametrize(
    ("segment", "expected"),
    [("vip", "reserve lot"), ("new", "ships free"), ("lapsed", "15% off"), ("", "shipping is on us")],
)
def test_the_newsletter_of_the_demo_speaks_to_each_segment(segment, expected):
    made = renderer(demo()[0])

    for part in (made.html, made.text):
        assert expected in unescape(part(seq=1, values={"segment": segment}))


def test_the_pictures_of_the_demo_are_light():
    assert all(picture.stat().st_size < 40_000 for picture in (DEMO / "images").iterdir())
