"""Drop-downs, labels and inputs are written at once as Django's templates would write them."""

import pytest
from django import forms
from django.forms.renderers import DjangoTemplates
from django.utils.safestring import mark_safe
from hypothesis import example, given, settings
from hypothesis import strategies as st
from unfold import widgets as unfold

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


@pytest.mark.parametrize("kind", [forms.Select, unfold.UnfoldAdminSelectWidget])
@settings(deadline=None)
@given(choices=CHOICES, value=TEXT)
def test_the_choices_are_those_of_the_templates(kind, choices, value):
    widget = kind(choices=choices)

    assert lines(widget, value, Renderer()) == lines(widget, value, DjangoTemplates())


@pytest.mark.parametrize("label", [mark_safe("<b>bold</b>"), 12345, "", None, 1.5])
def test_a_label_of_any_kind_is_written_alike(label):
    widget = forms.Select(choices=[(1, label), (None, "none"), (True, "yes")])

    assert lines(widget, 1, Renderer()) == lines(widget, 1, DjangoTemplates())


@pytest.mark.parametrize(
    "kind",
    [
        forms.TextInput, forms.NumberInput, forms.EmailInput, forms.URLInput, forms.PasswordInput, forms.HiddenInput,
        forms.DateInput, forms.DateTimeInput, forms.TimeInput, forms.Textarea, forms.CheckboxInput,
        unfold.UnfoldAdminTextInputWidget, unfold.UnfoldAdminDateWidget, unfold.UnfoldAdminSingleTimeWidget,
        unfold.UnfoldAdminTextareaWidget, unfold.UnfoldBooleanWidget,
    ],
)  # fmt: skip
@settings(max_examples=30, deadline=None)
@given(value=TEXT | st.none() | st.integers())
def test_an_input_is_that_of_the_template(kind, value):
    widget = kind()

    assert lines(widget, value, Renderer()) == lines(widget, value, DjangoTemplates())


@settings(max_examples=30, deadline=None)
@given(label=TEXT, suffix=st.sampled_from(["", ":"]), tag=st.sampled_from([None, "legend"]))
@example(label=mark_safe("<b>bold</b>"), suffix="", tag=None)
def test_a_label_is_that_of_the_template(label, suffix, tag):
    class OneField(forms.Form):
        name = forms.CharField(label=label)

    written = [
        OneField(renderer=renderer)["name"].label_tag(attrs={"class": "a&b"}, label_suffix=suffix, tag=tag)
        for renderer in (Renderer(), DjangoTemplates())
    ]

    assert written[0] == written[1]


def test_what_has_no_input_of_its_own_has_a_label_as_the_template_writes_it():
    class ManyChoices(forms.Form):
        pick = forms.MultipleChoiceField(choices=[("a", "A")], widget=forms.CheckboxSelectMultiple)

    written = {
        str(ManyChoices(renderer=each)["pick"].legend_tag()) for each in (Renderer(), DjangoTemplates())
    }
    assert len(written) == 1


def test_a_choice_with_a_template_of_its_own_is_written_by_it():
    widget = forms.RadioSelect(choices=[("a", "A")])

    assert lines(widget, "a", Renderer()) == lines(widget, "a", DjangoTemplates())


@pytest.mark.parametrize("kind", [forms.RadioSelect, forms.CheckboxSelectMultiple])
@settings(max_examples=30, deadline=None)
@given(choices=CHOICES, value=TEXT)
def test_a_list_of_choices_is_that_of_the_templates(kind, choices, value):
    widget = kind(choices=choices, attrs={"class": "a&b"})

    assert lines(widget, [value], Renderer()) == lines(widget, [value], DjangoTemplates())


@pytest.mark.parametrize("wraps", [True, False])
def test_one_choice_by_itself_is_that_of_the_template(wraps):
    class OfThree(forms.Form):
        pick = forms.ChoiceField(
            choices=[("a", "A&B"), ("b", mark_safe("<b>")), (3, 1234)], widget=forms.RadioSelect
        )

    written = [
        [choice.tag(wrap_label=wraps) for choice in OfThree(renderer=each)["pick"]]
        for each in (Renderer(), DjangoTemplates())
    ]
    assert written[0] == written[1]


def test_a_text_with_something_before_it_has_it_from_the_template():
    widget = unfold.UnfoldAdminTextInputWidget(attrs={"prefix": "R$"})

    assert "R$" in "".join(lines(widget, "1", Renderer()))
    assert lines(widget, "1", Renderer()) == lines(widget, "1", DjangoTemplates())


@pytest.mark.parametrize("value", [mark_safe("<b>"), 1234.5, True, (1, 2)])
def test_a_value_of_any_kind_is_written_alike(value):
    for widget in (forms.TextInput(), forms.Textarea(), unfold.UnfoldAdminTextInputWidget()):
        assert lines(widget, value, Renderer()) == lines(widget, value, DjangoTemplates())


def test_errors_are_those_of_the_template():
    class OneField(forms.Form):
        name = forms.CharField()

    for data in ({"name": "x"}, {}):
        written = [
            str(OneField(data, renderer=each)["name"].errors) for each in (Renderer(), DjangoTemplates())
        ]
        assert written[0] == written[1]
        assert bool(written[0]) == (not data)
