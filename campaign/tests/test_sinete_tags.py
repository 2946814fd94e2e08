"""Numbers, moments and statuses as pages write them."""

from datetime import UTC, datetime

import pytest
from django import forms
from django.db import models
from django.template import Context, Template
from django.test import RequestFactory
from django.utils.safestring import mark_safe
from django.utils.translation import override
from hypothesis import given
from hypothesis import strategies as st

from campaign.templatetags import sinete

NOON = datetime(2026, 11, 12, 17, 0, 5, tzinfo=UTC)


def render(source, **values):
    return Template("{% load sinete %}" + source).render(Context(values)).strip()


@pytest.mark.parametrize(
    ("value", "short"),
    [
        (None, "–"),
        (0, "0"),
        (999, "999"),
        (1000, "1 k"),
        (9890, "9.89 k"),
        (10_000, "10 k"),
        (98_900, "98.9 k"),
        (999_499, "999 k"),
        (999_500, "1 M"),
        (1_234_567, "1.23 M"),
        (2_500_000_000, "2.5 G"),
    ],
)
def test_a_number_in_three_figures(value, short):
    assert sinete.short_number(value).replace("\N{NO-BREAK SPACE}", " ") == short


@given(st.integers(min_value=1000, max_value=10**12 - 10**9))
def test_a_short_number_is_near_and_never_longer_than_its_unit(value):
    text, unit = sinete.short_number(value).split("\N{NO-BREAK SPACE}")

    near = float(text) * {"k": 1e3, "M": 1e6, "G": 1e9}[unit]
    assert abs(near - value) <= 0.006 * value
    assert 1 <= float(text) < 1000


def test_the_full_number_is_a_pointer_away():
    assert render("{% number 9890 %}").startswith('<data class="num" value="9890" title="9,890">')


def test_numbers_follow_the_language():
    with override("pt-br"):
        assert sinete.full_number(9890) == "9.890"
        assert sinete.percent(1, 3) == "33,3%"
        assert 'stroke-dasharray="64.20 100"' in render("{% ring 64.2 'Enviadas' %}")


@pytest.mark.parametrize(
    ("part", "base", "text"), [(1, 3, "33.3%"), (0, 3, "0.0%"), (1, 0, "–"), (None, 3, "–")]
)
def test_a_rate_has_one_decimal_and_needs_a_base(part, base, text):
    assert sinete.percent(part, base) == text


@pytest.mark.parametrize(
    ("percent", "shown"),
    [(None, "–"), (0, "0"), (0.02, "0.1"), (64.2, "64"), (99.97, "99.9"), (100, "100"), (130, "100")],
)
def test_a_ring_says_100_of_the_whole_only(percent, shown):
    assert f'y="68" text-anchor="middle">{shown}<' in render("{% ring percent %}", percent=percent)


def test_a_moment_is_shown_in_its_zone_by_name():
    text = render("{{ at|local_time:'America/Sao_Paulo' }}", at=NOON)

    assert 'datetime="2026-11-12T17:00:05+00:00"' in text
    assert "12 Nov 2026, 14:00 " in text
    assert "America/Sao Paulo" in text


def test_a_moment_of_a_log_has_seconds():
    assert "17:00:05" in render("{% local_time at 'UTC' seconds=True %}", at=NOON)


def test_an_unknown_zone_falls_back_to_the_current_one():
    assert "17:00" in render("{{ at|local_time:'Mars/Olympus' }}", at=NOON)
    assert render("{{ at|local_time }}", at=None) == "–"


@pytest.mark.parametrize(
    ("status", "tone"),
    [("waiting", "grey"), ("running", "blue"), ("in_doubt", "yellow"), ("done", "green"), ("refused", "red")],
)
def test_a_status_has_the_colour_of_its_kind(status, tone):
    assert f"pill--{tone}" in render("{% status_pill status 'So' %}", status=status)


def test_a_status_stored_as_a_number_goes_by_its_name():
    class State(models.IntegerChoices):
        IN_DOUBT = 4, "Outcome unknown"

    pill = render("{% status_pill status %}", status=State.IN_DOUBT)

    assert "pill--yellow" in pill
    assert "Outcome unknown" in pill


def test_a_label_is_escaped():
    assert "<b>" not in render("{% status_pill 'draft' label %}", label="<b>x</b>")


def test_a_label_that_is_safe_lends_that_to_no_other():
    assert "<i>y</i>" in render("{% status_pill 'draft' label %}", label=mark_safe("<i>y</i>"))
    assert "<i>" not in render("{% status_pill 'draft' label %}", label="<i>y</i>")
    assert '"<i>z' in render("{% icon 'eye' label %}", label=mark_safe("<i>z</i>"))
    assert "<i>" not in render("{% icon 'eye' label %}", label="<i>z</i>")


def test_the_parts_of_a_bar_fill_it():
    page = render(
        "{% stacked_bar parts 'All' %}", parts=[("A", 1, "green"), ("B", 3, "red"), ("C", 0, "grey")]
    )

    assert 'x="25.000" y="0" width="75.000"' in page
    assert "25.0%" in page


def test_a_bar_of_nothing_is_drawn_without_a_division_by_zero():
    assert "stacked__track" in render("{% stacked_bar parts %}", parts=[("A", 0, "green")])


def test_the_query_keeps_what_is_not_replaced():
    request = RequestFactory().get("/", {"q": "a&b", "page": "2"})

    text = Template("{% load sinete %}{% query_string page=None after=7 %}").render(
        Context({"request": request})
    )

    assert text == "?q=a%26b&amp;after=7"


class SampleForm(forms.Form):
    subject = forms.CharField(help_text="Short.")
    when = forms.ChoiceField(choices=[("a", "At once"), ("b", "Later")], widget=forms.RadioSelect)
    tracked = forms.BooleanField(required=False)


def test_a_field_is_tied_to_its_label_help_and_error():
    page = render("{% field form.subject %}", form=SampleForm({}))

    assert '<label class="field__label" for="id_subject">' in page
    assert 'aria-describedby="id_subject_helptext id_subject_error"' in page
    assert 'id="id_subject_helptext"' in page
    assert 'id="id_subject_error"' in page


def test_help_given_by_the_page_is_tied_and_escaped():
    page = render("{% field form.tracked help=help %}", form=SampleForm(), help="<i>")

    assert 'aria-describedby="id_tracked_helptext"' in page
    assert "&lt;i&gt;" in page


def test_choices_stand_in_a_fieldset_with_a_legend():
    page = render("{% field form.when %}", form=SampleForm())

    assert "<legend" in page
    assert page.count('class="choice"') == 2
