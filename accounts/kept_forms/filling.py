"""A page's form is filled in with what was typed into it before: on the page as it was made, so for every page."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Any
from urllib.parse import urljoin, urlsplit

from selectolax.lexbor import LexborHTMLParser, LexborNode

PRESSED = {"submit", "button", "image", "reset"}
NOT_OURS = {"csrfmiddlewaretoken"}
TICKED = {"checkbox", "radio"}


@dataclass
class Filled:
    """The page with what was typed in its form, and what found no place in it."""

    html: str = ""
    is_there: bool = False  # the page has the form
    places: int = 0  # how many fields that a person sees were filled in otherwise than they were
    left_over: dict[str, list[str]] = field(default_factory=dict)


def fill(html: str, *, address: str, action: str, typed: Mapping[str, list[str]], mark: str) -> Filled:
    """The page at this address, with what was typed in its form that posts to `action`, and `mark` before the form."""
    page = LexborHTMLParser(html)
    form = _the_form(page, address=address, action=action, names=typed.keys())
    if form is None:
        return Filled(left_over=dict(typed))
    filled = Filled(is_there=True)
    controls = _controls(page, form)
    queues = {name: list(values) for name, values in typed.items()}
    for control in controls:
        name = control.attributes.get("name") or ""
        if name in NOT_OURS or _kind(control) in PRESSED | {"password", "file"}:
            continue
        filled.places += _put(control, name, queues, typed) and _kind(control) != "hidden"
    known = {control.attributes.get("name") for control in controls}
    filled.left_over = {
        name: values for name, values in typed.items() if name not in known and any(v.strip() for v in values)
    }
    _keep_first_lines(page)
    form.insert_before(mark)
    filled.html = page.html or ""
    return filled


def _the_form(
    page: LexborHTMLParser, *, address: str, action: str, names: Iterable[str]
) -> LexborNode | None:
    """The form that posts there; of several the one that has most of the fields."""
    wanted, said = urlsplit(action).path, set(names)
    best, most = None, -1
    for form in page.css("form"):
        if (form.attributes.get("method") or "").lower() != "post":
            continue
        if urlsplit(urljoin(address, form.attributes.get("action") or "")).path != wanted:
            continue
        shared = len(said & {each.attributes.get("name") for each in _controls(page, form)})
        if shared > most:
            best, most = form, shared
    return best


def _controls(page: LexborHTMLParser, form: LexborNode) -> list[LexborNode]:
    """The form's fields and buttons in the order of the page, those that name it from elsewhere included."""
    inside = form.css("input[name], select[name], textarea[name], button[name]")
    key = form.attributes.get("id")
    if not key:
        return [each for each in inside if not each.attributes.get("form")]
    named = [
        each
        for each in page.css("input[form], select[form], textarea[form], button[form]")
        if each.attributes.get("form") == key and each.attributes.get("name")
    ]
    own = [each for each in inside if each.attributes.get("form") in (None, "", key)]
    seen = {each.mem_id for each in own}
    return own + [each for each in named if each.mem_id not in seen]


def _kind(control: LexborNode) -> str:
    if control.tag == "input":
        return (control.attributes.get("type") or "text").lower()
    return "submit" if control.tag == "button" else str(control.tag)


def _put(
    control: LexborNode, name: str, queues: dict[str, list[str]], typed: Mapping[str, list[str]]
) -> bool:
    """Give the field what was typed; say whether that is something else than stood there."""
    kind = _kind(control)
    if kind in TICKED:
        value = control.attributes.get("value")
        return _flag(control, "checked", ("on" if value is None else value) in typed.get(name, []))
    if control.tag == "select":
        return _choose(control, typed.get(name, []))
    if not queues.get(name):
        return False
    value = queues[name].pop(0)
    if control.tag == "textarea":
        before = control.text() or ""
        if _lines(before) == _lines(value):
            return False
        control.inner_html = escape(value, quote=False)
        return True
    changed = (control.attributes.get("value") or "") != value
    control.attrs["value"] = value
    return changed


def _keep_first_lines(page: LexborHTMLParser) -> None:
    """A browser drops one line break at the beginning of each of these: it gets another."""
    for each in page.css("textarea, pre"):
        inner = each.inner_html or ""
        if inner.startswith(("\n", "\r")):
            each.inner_html = "\n" + inner


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").strip("\n")


def _flag(node: LexborNode, name: str, is_set: bool) -> bool:
    if (name in node.attributes) == is_set:
        return False
    attrs: Any = node.attrs
    if is_set:
        attrs[name] = ""
    else:
        del attrs[name]
    return True


def _choose(control: LexborNode, values: list[str]) -> bool:
    """Choose these options; what is not among them, where a script looks options up, becomes one."""
    changed, found = False, set()
    for option in control.css("option"):
        value = option.attributes.get("value")
        value = option.text() if value is None else value
        found.add(value)
        changed = _flag(option, "selected", value in values) or changed
    missing = [value for value in values if value and value not in found]
    if missing and any(name.startswith("data-ajax") for name in control.attributes):
        more = "".join(f'<option value="{escape(each)}" selected>{escape(each)}</option>' for each in missing)
        control.inner_html = (control.inner_html or "") + more
        return True
    return changed
