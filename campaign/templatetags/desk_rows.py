"""The rows of the desk's forms, written at once: django-unfold asks six templates for each field.

What no form of ours has is left out: fields that depend on others or are not compressed, an order by drag and drop.
"""

from typing import Any

from django import template
from django.template.loader import render_to_string
from django.utils.html import conditional_escape
from django.utils.safestring import SafeString, mark_safe

register = template.Library()

LINE = (
    "field-line flex flex-col grow group group/line px-3 py-2.5 border-b border-base-200 border-dashed min-h-[59px]"
    " group-[.last]/row:border-b-0 lg:border-l lg:flex-row lg:items-center dark:border-base-800 lg:first:border-l-0"
)
LABEL = "lg:min-w-56 lg:w-56 lg:h-[38px] lg:flex lg:items-center lg:self-start lg:leading-[38px] lg:*:m-0"
LABEL_OF_CHECKBOX = "font-medium flex items-start -ml-2 min-w-32 w-32 lg:min-w-56 lg:w-56"
READ_ONLY = "readonly break-words {} *:rounded-default"


@register.simple_tag
def desk_row(line: Any, is_last: bool) -> SafeString:
    """The fields of a line of a fieldset, beside each other where there are several."""
    fields = list(line)
    classes = "form-row field-row group/row"
    if len(fields) > 1:
        classes += f" grid lg:grid-cols-{len(fields)}"
    if not line.has_visible_field:
        classes += " hidden"
    written = "\n".join(_field(each) for each in fields)
    return mark_safe(f'<div class="{classes}{" last" if is_last else ""}">\n{written}\n</div>')


def _field(field: Any) -> str:
    errors = "" if field.is_readonly else field.errors()
    name = getattr(field.field, "name", "")
    classes = f"{LINE}{f' field-{name}' if name else ''}{' errors' if errors else ''}"
    notes = f'<div class="mt-2 text-red-600 text-xs dark:text-red-500">\n{errors}\n</div>' if errors else ""
    inner = _checkbox(field, notes) if field.is_checkbox else _other(field, notes)
    return f'<div class="{classes}">\n{inner}\n</div>'


def _checkbox(field: Any, notes: str) -> str:
    said = _help(field)
    beside = f'<div class="lg:-mt-2 lg:ml-2">\n{said}\n</div>' if said else ""
    label = f'<div class="{LABEL_OF_CHECKBOX}">\n{_html(field.label_tag())}\n</div>'
    box = f'<div class="flex flex-col lg:flex-row">\n{_html(field.field)}\n{beside}\n</div>'
    grown = f'<div class="grow">\n{box}\n{notes}\n</div>'
    return f'<div class="flex flex-col gap-2 py-2 lg:flex-row">\n{label}\n{grown}\n</div>'


def _other(field: Any, notes: str) -> str:
    value = _read_only(field) if field.is_readonly else _html(field.field)
    label = f'<div class="{LABEL}">\n{_html(field.label_tag())}\n</div>'
    return f'{label}\n<div class="grow relative">\n{value}\n{_help(field)}\n{notes}\n</div>'


def _help(field: Any) -> str:
    said = field.field["help_text"] if field.is_readonly else field.field.help_text
    return f'<div class="leading-relaxed mt-2 text-xs">\n{said}\n</div>' if said else ""


def _read_only(field: Any) -> str:
    classes = READ_ONLY.format("max-w-4xl" if field.is_json else "max-w-2xl")
    return f'<div class="{classes}">{_value(field)}</div>'


def _value(field: Any) -> str:
    said = field.contents()
    if not said:
        return "-"
    if field.is_file:
        return render_to_string("unfold/helpers/field_readonly_value_file.html", {"field": field})
    return "-" if said == "None" else _html(said)


def _html(value: Any) -> str:
    return conditional_escape(value)
