"""What forms have much of, without a template for each: choices by the hundred, as of time zones, labels, inputs."""

from functools import cache
from html import escape
from typing import Any

from django.forms.renderers import DjangoTemplates
from django.utils.formats import localize
from django.utils.html import conditional_escape
from django.utils.safestring import SafeData, mark_safe

LABEL = "django/forms/label.html"
ERRORS = {"django/forms/errors/list/default.html", "django/forms/errors/list/ul.html"}
_OF_DJANGO = "django/forms/widgets/{}.html"
INPUTS = {
    *map(_OF_DJANGO.format, ("date", "datetime", "email", "hidden", "input", "number", "password", "text")),
    *map(_OF_DJANGO.format, ("checkbox", "time", "url")),
}
FRAMED = {f"unfold/widgets/{kind}.html" for kind in ("date", "text", "time")}
BESIDE = ("prefix", "prefix_icon", "suffix", "suffix_icon")  # what unfold's input of a text can show, too
SELECTS = {_OF_DJANGO.format("select"), "unfold/widgets/select.html"}
OPTION = _OF_DJANGO.format("select_option")
LISTS = set(map(_OF_DJANGO.format, ("checkbox_select", "multiple_input", "radio")))
CHOICES = set(map(_OF_DJANGO.format, ("checkbox_option", "input_option", "radio_option")))
AREAS = {_OF_DJANGO.format("textarea"): "\n", "unfold/widgets/textarea.html": ""}
STAND_IN = "the-name-of-a-field"


class Renderer(DjangoTemplates):
    """Django's own form renderer; these pieces are written at once, as its templates would write them."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        written = _written(template_name, context)
        return super().render(template_name, context, request) if written is None else mark_safe(written)


def _written(name: str, context: dict[str, Any]) -> str | None:
    if name == LABEL:
        return _label(**context)
    if name in ERRORS:
        return None if context["errors"] else ""
    widget = context.get("widget")
    return None if widget is None else _widget(name, widget)


def _widget(name: str, widget: dict[str, Any]) -> str | None:
    if name in INPUTS:
        return _input(widget)
    if name in FRAMED and not any(widget.get(each) for each in BESIDE):
        return _input(widget).join(_frame(name))
    if name in SELECTS and _has_only(widget, {OPTION}):
        return _select(widget).join(_frame(name))
    if name in AREAS:
        return _area(widget, AREAS[name])
    if name in LISTS and _has_only(widget, CHOICES):
        return _list(widget)
    return _choice(widget) if name in CHOICES else None


def _has_only(widget: dict[str, Any], templates: set[str]) -> bool:
    return all(option["template_name"] in templates for group in widget["optgroups"] for option in group[1])


@cache
def _frame(name: str) -> tuple[str, str]:
    """What a template has before its input and after it, whatever the field."""
    field: dict[str, Any] = {"name": STAND_IN, "type": "text", "value": None, "attrs": {}, "optgroups": []}
    own = _select(field) if name in SELECTS else _input(field)
    before, _own, after = DjangoTemplates().render(name, {"widget": field}).partition(own)
    return before, after


def _label(*, use_tag: bool, tag: str, label: Any, attrs: dict[str, Any] | None, **_more: Any) -> str:
    said = _said(label)
    return f"<{tag}{_attributes(attrs)}>{said}</{tag}>" if use_tag else said.strip()


def _input(widget: dict[str, Any]) -> str:
    value = widget["value"]
    shown = "" if value is None else f' value="{_as_text(value)}"'
    kind, name = _said(widget["type"]), _said(widget["name"])
    return f'<input type="{kind}" name="{name}"{shown}{_attributes(widget["attrs"])}>'


def _area(widget: dict[str, Any], start: str) -> str:
    value = _said(widget["value"]) if widget["value"] else ""
    return f'<textarea name="{_said(widget["name"])}"{_attributes(widget["attrs"])}>{start}{value}</textarea>'


def _select(widget: dict[str, Any]) -> str:
    """A drop-down up to its end, which the template's frame has."""
    groups = "".join(_group(label, options) for label, options, _place in widget["optgroups"])
    return f'<select name="{_said(widget["name"])}"{_attributes(widget["attrs"])}>{groups}'


def _group(label: Any, options: list[dict[str, Any]]) -> str:
    written = "".join(f"\n  {_option(option)}" for option in options)
    return f'\n  <optgroup label="{_said(label)}">{written}\n  </optgroup>' if label else written


def _option(option: dict[str, Any]) -> str:
    attributes = _attributes(option["attrs"])
    return f'<option value="{_as_text(option["value"])}"{attributes}>{_said(option["label"])}</option>'


def _list(widget: dict[str, Any]) -> str:
    of_list = {name: widget["attrs"].get(name) for name in ("id", "class")}
    groups = "".join(_choices(label, options) for label, options, _place in widget["optgroups"])
    return f"<div{_attributes({name: value for name, value in of_list.items() if value})}>{groups}\n</div>"


def _choices(label: Any, options: list[dict[str, Any]]) -> str:
    written = "".join(f"<div>\n    {_choice(option)}\n</div>" for option in options)
    return f"\n  <div><label>{_said(label)}</label>{written}\n  </div>" if label else written


def _choice(option: dict[str, Any]) -> str:
    if not option.get("wrap_label"):
        return _input(option)
    key = option["attrs"].get("id")
    return f"<label{_attributes({'for': key} if key else {})}>{_input(option)}\n {_said(option['label'])}</label>"


def _attributes(attrs: dict[str, Any] | None) -> str:
    return "".join(
        f" {name}" if value is True else f' {name}="{_as_text(value)}"'
        for name, value in (attrs or {}).items()
        if value is not False
    )


def _said(value: Any) -> str:
    """The value as a template shows it."""
    return escape(value) if type(value) is str else conditional_escape(localize(value))


def _as_text(value: Any) -> str:
    """The value as a template's filter `stringformat:"s"` shows it."""
    return value if isinstance(value, SafeData) else escape(str(value))
