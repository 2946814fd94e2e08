"""Whatever people hand in is read in a time that grows with its length, up to the bound, and never ends in a 500."""

import io
import json
import random
import time
import zipfile
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from itertools import islice

import pytest
from django.urls import reverse

from accounts.tests.factories import UnitFactory
from audiences import addresses
from audiences.fields.fields import ProfileField
from audiences.imports.columns import headers
from audiences.imports.columns.cells import Converter
from audiences.imports.reading import files
from audiences.rules import rules
from campaign.lib import recurrence
from campaign.lib.refusals import Refusal
from deliveries.content.compile import compile_content
from deliveries.content.html_part.address_attributes import runs_in_css
from deliveries.content.source import Field, Source
from deliveries.drafting import uploads
from deliveries.tests.factories import person

MOST_GROWTH = 2.5
FLOOR = 0.15  # seconds; what is faster is not worth measuring on a busy machine
SIZE = 80_000  # characters, and twice as many
TRIES = 9
KNOWN = {"city": ProfileField("city", "City", "text", column=True)}


def content(html: str) -> None:
    source = Source(subject="s", from_name="n", from_address="a@example.com", html=html)
    compile_content(source, fields=[Field("city"), Field("points", "number")])


def text_part(text: str) -> None:
    compile_content(
        Source(subject=text[:5_000], from_name="n", from_address="a@example.com", text=text), fields=[]
    )


def csv_file(text: str) -> None:
    written = files.examine(io.BytesIO(text.encode()))
    reader = files.Reader(io.BytesIO(text.encode()), written, lambda *_args, **_slots: None)
    reader.read_header(headers.weigh)
    for _batch in reader.batches(5_000):
        pass


def cells(text: str) -> None:
    converter = Converter(report=lambda *_args: None)
    for kind in ("text", "number", "date", "yes_no"):
        converter.cells(headers.Column(0, "x", "x", kind, True), [text], [1])


def rule(text: str) -> None:
    rules.validated(rules.from_text(text), known=KNOWN)


def page_of_a_zip(text: str) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.html", text)
        archive.writestr("p.png", b"\x89PNG\r\n\x1a\n")
    file.seek(0)
    page = uploads.read("x.zip", file)
    uploads.with_marked_paths(page.html, {f"images/{n}.png": f"images/{n}.0.png" for n in range(300)})


def a_recurrence(text: str) -> None:
    start = datetime(2026, 12, 1, 9)  # noqa: DTZ001  what clocks show
    rule = recurrence.validated(text, start)
    list(islice(recurrence.Recurrence(rule, start, "America/Sao_Paulo").moments(), 10))


READERS: dict[str, tuple[Callable[[str], None], list[str]]] = {
    "content": (content, [
        "<style>", "<div>", "<p>x", "<br>", "<a href='https://example.com/'>x</a>", "<p>&amp;</p>", "<", "<a ", "<!--",
        "<!--[if mso]>", "<p a='", "{{", "{%", "{#", "{{ profile.city }}", "{{ '", "{% if 1 %}", "{% endif %}", "{% raw %}",
        "{{ profile.city|upper", " and 1", "x ", "\n", " ", "\t<br> ", "url(", "<style>a{b:url(", "&#9", "<b a=1><p>", "</p>",
        "<div><object></div>", "<td>", "<img src='a.png'>", "<p style='a:url( '>", "<style>*{a:b}</style><p>", "{#a{b:c}}",
        "<style>@import url(x);", "<style>.a", "@import\"x",
    ]),
    "styles": (lambda css: runs_in_css(css) and None, ["/*", "/*/", "/**/", "*/", "\\", "\\9", "url( ", "expression "]),
    "text part": (text_part, ["https://example.com/x ", ")", "https://a.example/)", "{{ 'x' }}", "\n", " ", "]]]", "x"]),
    "csv": (csv_file, ["email\n", '"', 'a,b\n', '"a\n', ",", ";", "\t", "\x00", "é\n", "x", '"",""x\n', "sep=;\n"]),
    "cells": (cells, [" ", "\x00", " \x00", "9", "9.", "1,", "2026-", "x", "\u2028 "]),
    "addresses": (lambda text: addresses.read(text) and None, ["a@", "a.", "é", "xn--a.", "a@b.example,", '"', " ", "@"]),
    "rules": (rule, ['{"not":', '{"all":[', '[', '{"field":"city","is":"equal","value":"x"},', '"', "9", "\\u0000"]),
    "recurrences": (a_recurrence, ["FREQ=DAILY;", "BYDAY=MO,", "1,", "=", ";", " "]),
    "zips": (page_of_a_zip, ["<img src='images/1.png'>", "images/1.png ", "./", "'", "<meta charset=", "x"]),
}  # fmt: skip
CASES = [(name, unit) for name, (_reader, units) in READERS.items() for unit in units]
# Pieces that make work for one another: (reader, what is repeated before, behind)
PAIRS = [
    ("content", "{% if 1 %}", "{% endif %}"),
    ("content", "<div>", "</div>"),
    ("content", "<b>", "<p>"),
    ("styles", "url(", " "),
    ("text part", "{% if 1 %}", "{% endif %}"),
    ("text part", "(", "https://a.example/)"),
    ("csv", ", ", "\na,b"),
    ("rules", '{"all":[', "]}"),
]  # fmt: skip


def seconds(read: Callable[[str], None], text: str) -> float:
    """Processor time; a refusal is an answer as any other."""
    began = time.process_time()
    with suppress(Refusal):
        read(text)
    return time.process_time() - began


@pytest.mark.parametrize(("reader", "unit"), CASES)
def test_twice_the_input_takes_hardly_more_than_twice_the_time(reader, unit):
    read, _units = READERS[reader]
    grows_straight(read, *(unit * (size // len(unit)) for size in (SIZE, 2 * SIZE)))


@pytest.mark.parametrize(("reader", "before", "behind"), PAIRS)
def test_so_it_is_where_one_half_makes_work_for_the_other(reader, before, behind):
    read, _units = READERS[reader]
    halves = [[unit * (size // 2 // len(unit)) for unit in (before, behind)] for size in (SIZE, 2 * SIZE)]
    grows_straight(read, *map("".join, halves))


def grows_straight(read: Callable[[str], None], half: str, whole: str) -> None:
    """A busy machine makes some tries slower and none faster: the least of each, tried in turn, is compared."""
    of_half = of_whole = float("inf")

    for _try in range(TRIES):
        of_half, of_whole = min(of_half, seconds(read, half)), min(of_whole, seconds(read, whole))
        if of_whole < max(of_half, FLOOR) * MOST_GROWTH:
            return

    pytest.fail(f"{SIZE} characters {of_half:.2f} s, twice {of_whole:.2f} s")


@pytest.mark.parametrize("seed", range(10))
def test_no_mixture_of_them_is_more_than_refused(seed):
    chance = random.Random(seed)
    for read, units in READERS.values():
        text = "".join(chance.choice(units) * chance.choice([1, 1, 3, 40, 400]) for _piece in range(12))
        with suppress(Refusal):
            read(text)


# -- pages ----------------------------------------------------------------------------------------------


@pytest.mark.django_db
@pytest.mark.parametrize("text", ['{"not":' * 2_000 + "1" + "}" * 2_000, "[" * 100_000, '{"field":"a\\u0000","is":"x"}', '{"field":9}', "9" * 5_000])  # fmt: skip
def test_a_rule_written_as_text_is_refused_with_a_sentence(client, text):
    unit = UnitFactory()
    client.force_login(person("prepare", unit))

    answer = client.post(
        reverse("audiences:create"), {"label": "x", "unit": unit.pk, "text": text, "do": "save"}
    )

    assert answer.status_code == 200


def test_a_group_counts_as_a_condition():
    many = {"all": [{"all": []}] * 300}

    with pytest.raises(rules.RuleError, match="too many"):
        rules.validated(json.loads(json.dumps(many)), known=KNOWN)
