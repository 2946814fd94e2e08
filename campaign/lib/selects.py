"""What forms have much of, without a template for each: choices by the hundred, as of time zones, labels, inputs."""

from typing import Any

from django.forms.renderers import DjangoTemplates
from django.template.defaultfilters import stringformat
from django.utils.formats import localize
from django.utils.html import conditional_escape
from django.utils.safestring import mark_safe

LABEL = "django/forms/label.html"
INPUTS = {
    f"django/forms/widgets/{kind}.html"
    for kind in ("date", "datetime", "email", "hidden", "input", "number", "password", "text", "time", "url")
}
SELECTS = {"django/forms/widgets/select.html", "unfold/widgets/select.html"}
PLAIN = "django/forms/widgets/select_option.html"
END = "</select>"


class Renderer(DjangoTemplates):
    """Django's own form renderer; these pieces are written at once, as its templates would write them."""

    def render(self, template_name: str, context: dict[str, Any], request: Any = None) -> str:
        if template_name == LABEL:
            return mark_safe(_label(**context))
        if template_name in INPUTS:
            return mark_safe(_input(context["widget"]))
        return self._choices(template_name, context, request)

    def _choices(self, template_name: str, context: dict[str, Any], request: Any) -> str:
        groups = context["widget"]["optgroups"] if template_name in SELECTS else ()
        if not groups or any(option["template_name"] != PLAIN for group in groups for option in group[1]):
            return super().render(template_name, context, request)
        empty = {**context, "widget": {**context["widget"], "optgroups": []}}
        before, end, after = super().render(template_name, empty, request).partition(END)
        return f"{before.rstrip()}{''.join(_group(*group[:2]) for group in groups)}\n{end}{after}"


def _label(*, use_tag: bool, tag: str, label: Any, attrs: dict[str, Any] | None, **_more: Any) -> str:
    said = conditional_escape(localize(label))
    return f"<{tag}{_attributes(attrs)}>{said}</{tag}>" if use_tag else said.strip()


def _input(widget: dict[str, Any]) -> str:
    value = widget["value"]
    shown = "" if value is None else f' value="{conditional_escape(stringformat(value, "s"))}"'
    kind, name = conditional_escape(widget["type"]), conditional_escape(widget["name"])
    return f'<input type="{kind}" name="{name}"{shown}{_attributes(widget["attrs"])}>'


def _group(label: Any, options: list[dict[str, Any]]) -> str:
    written = "".join(f"\n  {_option(option)}" for option in options)
    if not label:
        return written
    return f'\n  <optgroup label="{conditional_escape(localize(label))}">{written}\n  </optgroup>'


def _option(option: dict[str, Any]) -> str:
    value = conditional_escape(stringformat(option["value"], "s"))
    label = conditional_escape(localize(option["label"]))
    return f'<option value="{value}"{_attributes(option["attrs"])}>{label}</option>'


def _attributes(attrs: dict[str, Any] | None) -> str:
    return "".join(
        f" {name}" if value is True else f' {name}="{conditional_escape(stringformat(value, "s"))}"'
        for name, value in (attrs or {}).items()
        if value is not False
    )
