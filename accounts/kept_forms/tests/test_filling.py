"""A page's form filled in with what was typed: pure, no database."""

import pytest
from selectolax.lexbor import LexborHTMLParser

from accounts.kept_forms.filling import fill

PAGE = """<!doctype html><html><head><title>a</title></head><body>
<form method="get" action="/there/"><input name="q"></form>
<form method="post" action="/elsewhere/"><input name="label" value="theirs"></form>
<form method="post" id="write"><input type="hidden" name="csrfmiddlewaretoken" value="fresh"><input type="hidden" name="base" value="3">
<input name="label" value="old"><input name="pair" value="1"><input name="pair" value="2">
<input type="password" name="password"><input type="file" name="file">
<input type="checkbox" name="tracking" checked><input type="checkbox" name="days" value="MO"><input type="checkbox" name="days" value="TU">
<input type="radio" name="kind" value="a" checked><input type="radio" name="kind" value="b">
<select name="unit"><option value="1" selected>One</option><option value="2">Two</option></select>
<select name="many" multiple><option>x</option><option>y</option><option>z</option></select>
<select name="user" data-ajax--url="/find/"><option value="">-</option></select>
<textarea name="html">
old</textarea><textarea name="other">

two lines down</textarea>
<button name="and_close" value="1">Save</button></form>
<input form="write" name="outside" value=""></body></html>"""


def filled(action="/there/", **typed):
    return fill(PAGE, address="/there/", action=action, typed=typed, mark="HERE")


def stood(html):
    """What a browser would post of the form, and the field's own values."""
    form = LexborHTMLParser(html).css_first("#write")
    values = {}
    for node in [*form.css("input, textarea, select"), *LexborHTMLParser(html).css("[form=write]")]:
        kind, name = node.attributes.get("type"), node.attributes["name"]
        if node.tag == "select":
            chosen = [
                o.attributes.get("value", o.text()) for o in node.css("option") if "selected" in o.attributes
            ]
            values[name] = chosen
        elif node.tag == "textarea":
            values[name] = [node.text()]
        elif kind not in ("checkbox", "radio") or "checked" in node.attributes:
            values.setdefault(name, []).append(node.attributes.get("value", "on"))
    return values


@pytest.mark.parametrize(
    ("typed", "stands"),
    [
        ({"label": ["<b>\"it's\" & more"]}, ["<b>\"it's\" & more"]),
        ({"html": ["<p>\r\n</textarea><script>alert(1)</script>&amp;{{ profile.x }}"]}, ["<p>\n</textarea><script>alert(1)</script>&amp;{{ profile.x }}"]),
        ({"html": ["\n\nlow"]}, ["\n\nlow"]),
        ({"html": [""]}, [""]),
        ({"pair": ["9", "8"]}, ["9", "8"]),
        ({"days": ["TU"]}, ["TU"]),
        ({"kind": ["b"]}, ["b"]),
        ({"unit": ["2"]}, ["2"]),
        ({"many": ["x", "z"]}, ["x", "z"]),
        ({"user": ["77"]}, ["77"]),
        ({"base": ["2"]}, ["2"]),
        ({"outside": ["in"]}, ["in"]),
    ],
)  # fmt: skip
def test_each_kind_of_field_stands_as_it_was_typed(typed, stands):
    found = filled(**typed)
    name = next(iter(typed))

    assert stood(found.html)[name] == stands
    assert found.left_over == {}


def test_what_was_not_ticked_is_not_ticked():
    assert "tracking" not in stood(filled(label=["x"]).html)


@pytest.mark.parametrize("name", ["csrfmiddlewaretoken", "password", "file"])
def test_tokens_passwords_and_files_are_never_filled_in(name):
    assert "typed" not in filled(**{name: ["typed"], "label": ["x"]}).html


def test_other_forms_and_other_fields_stay_as_they_were():
    html = filled(label=["new"]).html

    assert 'value="theirs"' in html
    assert stood(html)["other"] == ["\ntwo lines down"]
    assert stood(html)["csrfmiddlewaretoken"] == ["fresh"]
    assert html.index("HERE") < html.index('id="write"')


def test_what_has_no_place_any_more_is_named_and_buttons_are_not():
    found = filled(label=["x"], gone=["precious"], empty=[" "], and_close=["1"])

    assert found.left_over == {"gone": ["precious"]}


def test_only_fields_that_people_see_count_as_filled_in():
    hidden = {"base": ["9"], "tracking": ["on"], "kind": ["a"], "unit": ["1"]}

    assert filled(**hidden).places == 0
    assert filled(**hidden, label=["x"], html=["y"]).places == 2


def test_a_page_without_the_form_says_so():
    found = filled(action="/nowhere/", label=["x"])

    assert not found.is_there
    assert found.left_over == {"label": ["x"]}


@pytest.mark.parametrize(
    "typed", [{}, {"label": []}, {"unit": ["no such"]}, {"x" * 200: ["y"]}, {"'\"><": ["a"]}]
)
def test_nothing_that_is_kept_breaks_a_page(typed):
    assert "</form>" in filled(**typed).html
