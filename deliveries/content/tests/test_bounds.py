"""Content of any size, depth and number is taken or refused with the bound that it reached, wherever it comes in."""

import os
import subprocess
import sys
import time

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.urls import reverse

from campaign.lib import clock
from deliveries import drafting, proofs
from deliveries.content.merge_tags.engine import TooManyBranches, environment
from deliveries.content.reading import bounds, inliner, markup
from deliveries.content.tests.bombs import BOMBS, DEEP
from deliveries.content.tests.compiling import OPT_OUT, findings
from deliveries.models import Content, Delivery, PreparationStatus, ProofMessage, Status
from deliveries.preparation import verbs as preparation
from deliveries.proofs import previews
from deliveries.tests.factories import DeliveryFactory, person

STACK = 256 * 1024  # a thread of a web server has some MB


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_bound_that_is_reached_is_named(bomb):
    found = [f for f in findings(BOMBS[bomb], level="error") if f.code in (bounds.CODE, "template_syntax")]

    assert found
    assert any(character.isdigit() for character in found[0].message) or found[0].code == "template_syntax"


def test_no_content_ends_the_thread_of_a_small_stack_that_reads_it():
    ended = subprocess.run(
        [sys.executable, "-c", _IN_A_SMALL_THREAD], env=_environment(), capture_output=True, text=True
    )

    assert ended.returncode == 0, ended.stderr[-2_000:]
    assert ended.stdout.split() == ["refused"] * len(BOMBS) + ["made"]


_IN_A_SMALL_THREAD = f"""
import threading, django
django.setup()
from deliveries.content.tests import bombs

def read(body):
    made, _found = bombs.compiled_of(body)
    print("made" if made else "refused", flush=True)

threading.stack_size({STACK})
for body in [*bombs.BOMBS.values(), bombs.AS_DEEP_AS_MAY_BE]:
    thread = threading.Thread(target=read, args=[body])
    thread.start()
    thread.join()
"""


def _environment():
    return os.environ | {"DJANGO_SETTINGS_MODULE": "campaign.settings"}


@pytest.mark.parametrize(
    "html",
    [
        "<p>x" * 5_000,  # each is closed by the next
        "<ul>" + "<li>x" * 5_000,
        "<table>" + "<tr><td>x" * 2_000,
        "<table>" + "<tr><td><font color=red>x</td></tr>" * 2_000 + "</table>",
        "<p><font color=red>x</p>" * 100,
        "<div><span>x</div>" * 2_000,
    ],
)
def test_tags_that_many_leave_open_are_no_depth(html):
    assert bounds.CODE not in {finding.code for finding in findings(html)}


def test_a_price_list_of_400_kb_with_a_link_in_each_row_reaches_no_bound():
    rows = "".join(
        f'<tr><td><a href="https://shop.example.com/item/{number}">Item {number}</a></td>'
        f"<td><b>{number}</b>,00</td></tr>\n"
        for number in range(4_000)
    )

    assert not findings(f"<table>{rows}</table>", level="error")


def test_depth_is_that_of_the_tree_that_a_parser_makes():
    assert bounds.depth_of("<div>" * 100 + "x") == 103  # html, body and the text
    assert bounds.depth_of("<p>x" * 100) == 4
    assert bounds.depth_of("") <= 3


def test_a_template_with_more_branches_than_the_stack_bears_is_not_run():
    sealed_long_ago = "{% if 0 %}" + "{% elif 0 %}x" * 5_000 + "{% endif %}"

    with pytest.raises(TooManyBranches):
        environment({"html.html": sealed_long_ago})


def test_a_character_of_a_number_that_is_none_is_no_failure():
    link = f"<a href='https://example.com/&#{'9' * 5_000};'>x</a>"

    assert not findings(link, level="error")


# -- every way in ---------------------------------------------------------------------------------------


@pytest.fixture
def delivery(unit, client):
    client.force_login(person("prepare", unit))
    return DeliveryFactory(unit=unit)


PAGE = f"<html><body>{DEEP}x{OPT_OUT}</body></html>"
DEEPLY = "more than 256 deep"


def url(name, delivery):
    return reverse(f"deliveries:{name}", args=[delivery.pk])


def parts(delivery):
    return {
        "subject": "s",
        "from_name": "n",
        "from_address": "news@example.com",
        "html": PAGE,
        "base": str(delivery.content.number),
    }


def saved_before_there_was_a_bound(delivery) -> Content:
    content = delivery.content
    content = Content.objects.create(
        delivery=delivery, number=content.number + 1, subject="s", from_address="news@example.com", html=PAGE
    )
    Delivery.objects.filter(pk=delivery.pk).update(content=content)
    delivery.refresh_from_db()
    return content


def test_the_editors_preview_says_which_bound_was_reached(delivery, client):
    answer = client.post(url("preview", delivery), parts(delivery))

    assert answer.status_code == 200
    assert DEEPLY in answer.content.decode()


def test_what_is_saved_too_deep_is_saved_as_a_draft_that_says_so(delivery, client):
    answer = client.post(url("content", delivery), parts(delivery), follow=True)

    assert DEEPLY in answer.content.decode()


def test_a_file_that_is_too_deep_comes_in_as_a_draft_that_says_so(delivery, client):
    file = SimpleUploadedFile("page.html", PAGE.encode())

    answer = client.post(url("upload", delivery), {"file": file}, follow=True)

    assert DEEPLY in answer.content.decode()


@pytest.mark.parametrize("page", ["content", "preview", "dashboard"])
def test_what_was_saved_before_there_was_a_bound_is_shown_with_it(delivery, client, page):
    saved_before_there_was_a_bound(delivery)

    answer = client.get(url(page, delivery))

    assert answer.status_code == 200
    assert page == "dashboard" or DEEPLY in answer.content.decode()


def test_a_preparation_of_it_fails_with_the_bound(delivery):
    saved_before_there_was_a_bound(delivery)
    run = preparation.start(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now())

    preparation.run(preparation_id=run.pk)

    run.refresh_from_db()
    delivery.refresh_from_db()
    assert (run.status, delivery.status) == (PreparationStatus.FAILED, Status.PREPARATION_FAILED)
    assert [finding["code"] for finding in run.errors] == [bounds.CODE]


def test_a_proof_of_it_fails_with_the_bound(delivery, work):
    from audiences.tests.factories import TestProfileFactory

    saved_before_there_was_a_bound(delivery)
    test = TestProfileFactory(unit=delivery.unit)
    proofs.send(delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), test_profiles=[test])

    work()

    copy = ProofMessage.objects.get()
    assert copy.status == ProofMessage.Status.FAILED
    assert DEEPLY in copy.reply


def test_a_command_that_writes_it_gets_the_same_findings(delivery):
    drafting.write(
        delivery=delivery, by=person("prepare", delivery.unit), at=clock.now(), html=PAGE, subject="s"
    )

    shown = previews.preview(delivery=Delivery.objects.get(pk=delivery.pk))

    assert not shown.shows
    assert bounds.CODE in {finding.code for finding in shown.errors}


def test_selectors_that_look_far_are_read_in_a_process_of_their_own_with_the_same_result():
    page = "<html><head></head><body>" + "<p class=a>x</p>" * 20 + "</body></html>"
    sheet = "p:nth-child(2n) {color: red} .a ~ .a {margin: 0}"

    html = page.replace("<head>", f"<head><style>{sheet}</style>")

    assert not inliner.is_quick(sheet, 20)
    assert inliner.inlined(html, sheets=sheet, tags=20) == inliner.inlined(html, sheets="", tags=20)


def test_selectors_that_take_too_long_are_refused_with_the_bound_of_time():
    sheet = "<style>" + ("div>div p~p div " * 10 + ".z{color:red}") * 400 + "</style>"

    found = findings(sheet + "<div>" * 200 + "<p><b class=z>x</b></p>" * 5_000, level="error")

    assert [finding.text for finding in found] == [inliner.SLOW]


def test_many_rules_that_all_meet_at_each_tag_are_read_in_a_process_of_their_own():
    assert not inliner.is_quick("*{color:red}" * 4_125, 378)
    assert inliner.is_quick("*{color:red}" * 300, 3_000)


def test_the_style_sheets_of_newsletters_are_quick():
    sheet = "@media (max-width:600px){.a .b td>p{margin:0}} a:hover, #id .x{color:red} [class~=y]{color:red}"

    assert inliner.is_quick(sheet, 3_000)


@pytest.mark.parametrize("sign", [">", "+", "~", " ", "> "])
@pytest.mark.parametrize("run", ["a", "-", "_", "\u00e9"])
def test_a_long_run_of_signs_of_a_name_before_a_combinator_is_read_once(run, sign):
    """Begun anew at each of its signs, this run is looked at 200 million times."""
    page = f"<style>{run * 20_000}{sign}b{{x:y}}</style><b>"
    began = time.process_time()

    bounds.of_style_sheets(page, list(markup.tokens(page)))

    assert time.process_time() - began < 0.5
