"""Drop-downs are written at once as Django's templates would write them."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from hypothesis import given
from hypothesis import strategies as st
from unfold.widgets import UnfoldAdminSelectWidget

from campaign.lib.selects import Renderer

TEXT = st.text(st.sampled_from("ab<>&'\" é1"), max_size=6)
CHOICES = st.lists(
    st.tuples(TEXT, TEXT) | st.tuples(TEXT, st.lists(st.tuples(TEXT, TEXT), max_size=3)), max_size=5
)


def lines(widget, value, renderer):
    html = widget.render(
        "zone", value, attrs={"id": "a&b", "required": True, "hidden": False}, renderer=renderer
    )
    return [line.strip() for line in html.splitlines() if line.strip()]


@pytest.mark.parametrize("kind", [forms.Select, UnfoldAdminSelectWidget])
@given(choices=CHOICES, value=TEXT)
def test_the_choices_are_those_of_the_templates(kind, choices, value):
    widget = kind(choices=choices)

    assert lines(widget, value, Renderer()) == lines(widget, value, DjangoTemplates())


@pytest.mark.parametrize("label", [mark_safe("<b>bold</b>"), 12345, "", None, 1.5])
def test_a_label_of_any_kind_is_written_alike(label):
    widget = forms.Select(choices=[(1, label), (None, "none"), (True, "yes")])

    assert lines(widget, 1, Renderer()) == lines(widget, 1, DjangoTemplates())


def test_a_choice_with_a_template_of_its_own_is_written_by_it():
    widget = forms.RadioSelect(choices=[("a", "A")])

    assert lines(widget, "a", Renderer()) == lines(widget, "a", DjangoTemplates())
