"""Every address that the project mounts, filled with what people, scanners and broken programs type."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib import admin
from django.db import DatabaseError, transaction
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from selectolax.lexbor import LexborHTMLParser

from audiences.models import Audience, Import, Profile, TestProfile
from deliveries.models import Delivery, Folder

# What stands in the place of one value: numbers too large or none at all, dates that don't exist, octets that are no
# text, brackets, other people's digits.
AWKWARD = (
    "9" * 19, "\x00a", "-1", "0001-01-01T00:00", "9999-12-31T23:59", "2026-02-30", "NaN", "1e999", "٣", "[" * 3000, '"\\ud800"',
    "\ufffd", "9" * 5000, "a,b,c", "FREQ=DAILY;INTERVAL=0", "", "{{", "Etc/../UTC", "[]", "a" * 300,
    "Infinity", "1e308", "-0", "1_000", "2147483648", "24:00", "10000-01-01", "\u202e", "%s", "[null]", "UTC\x00", "\r\n", "x" * 1_000_000,
    '{"any":[{"field":["city"],"is":{},"value":[[]]}]}', "smtp://[::1", "FREQ=MINUTELY;COUNT=100000",
)  # fmt: skip
FIXED = {"language": "en", "csrfmiddlewaretoken": "x"}
BY_CONVERTER = {
    "int": ("0", "9" * 19, "9" * 5000),
    "slug": ("x", "a" * 3000),
    "str": ("x", "%00", "%FF", "9" * 300),
    "path": ("_00", "%ED%A0%80", "9" * 19),
}


def mounted(known: dict[str, list[str]]) -> Iterator[tuple[str, str]]:
    """(route, address): each pattern once with what is there, and then with awkward values in each place."""
    for route in sorted(set(_routes(get_resolver().url_patterns))):
        places = re.findall(r"<(?:(\w+):)?(\w+)>", route)
        for filling in _fillings(route, places, known):
            yield route, "/" + filling


def _fillings(route: str, places: list[tuple[str, str]], known: dict[str, list[str]]) -> Iterator[str]:
    there = [known.get(f"{_app(route)}:{name}", known.get(name, ["1"])) for _kind, name in places]
    for number in range(max((len(values) for values in there), default=1)):
        yield _filled(route, [values[number % len(values)] for values in there])
    for index, (kind, _name) in enumerate(places):
        for value in BY_CONVERTER.get(kind or "str", ("x",)):
            yield _filled(route, [value if at == index else values[0] for at, values in enumerate(there)])


def _app(route: str) -> str:
    return "/".join(route.split("/")[:3]) if route.startswith("admin/") else route.split("/")[0]


def _filled(route: str, values: list[str]) -> str:
    rest = iter(values)
    return re.sub(r"<(?:\w+:)?\w+>", lambda _: next(rest), route)


def _routes(patterns: list[Any], before: str = "") -> Iterator[str]:
    for pattern in patterns:
        route = before + _plain(str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from _routes(pattern.url_patterns, route)
        elif isinstance(pattern, URLPattern):
            yield route


def _plain(route: str) -> str:
    """A regular expression as a route: its groups are places."""
    route = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<str:\1>", route)
    return route.lstrip("^").removesuffix("$").removesuffix(r"\Z").replace("\\.", ".").replace("/?", "/")


def known() -> dict[str, list[str]]:
    """For each place in an address the key of something that is there."""
    found = {
        "seq": ["1"],
        "code": ["folder", "comparison"],
        "tab": ["sending", "urls"],
        "profile_pk": first(Profile),
        "profile_id": first(Profile),
    }
    pages = {
        "deliveries": Delivery,
        "profiles": Profile,
        "audiences": Audience,
        "imports": Import,
        "test-profiles": TestProfile,
        "folders": Folder,
    }
    found |= {f"{page}:pk": first(model) for page, model in pages.items()}
    for model in admin.site._registry:
        where = f"admin/{model._meta.app_label}/{model._meta.model_name}"
        found |= {f"{where}:object_id": first(model), f"{where}:pk": first(model)}
    return found


def first(model: Any) -> list[str]:
    try:
        with transaction.atomic():
            return [
                str(pk) for pk in model._default_manager.order_by("pk").values_list("pk", flat=True)[:1]
            ] or ["1"]
    except DatabaseError:  # a model without a table
        return ["1"]


def parameters() -> list[str]:
    """The names that the project's code and templates read from an address or a form, and Django's own."""
    found = {"q", "p", "o", "e", "all", "page", "_popup", "_to_field", "_changelist_filters", "term", "app_label",
             "model_name", "field_name", "next", "s", "search", "extended", "at__year", "at__month", "at__day",
             "before", "after", "desc", "_facets", "_selected_action", "action", "job_ids"}  # fmt: skip
    base = Path(settings.BASE_DIR)
    for app in ("accounts", "alerts", "audiences", "campaign", "deliveries", "feedback", "reporting", "home"):
        for source in (base / app).rglob("*.py"):
            if "tests" not in source.parts:
                text = source.read_text()
                found |= set(
                    re.findall(r"(?:GET|POST|posted|params|query)\.get(?:list)?\(\s*\"([\w-]+)\"", text)
                )
                found |= set(re.findall(r"number\(request, \"(\w+)\"\)", text))
                found |= set(re.findall(r"^    (\w+) = forms\.\w+\(", text, re.M))
                found |= set(re.findall(r"parameter_name = (?:field = )?\"(\w+)\"", text))
                found |= set(re.findall(r"(?:Choice|Filter)\(\s*\"(\w+)\"", text))
    return sorted(found)


class Crawler:
    """Asks as one person; what an answer changed is undone, and an answer of 500 or worse is noted."""

    def __init__(self, user: Any) -> None:
        self.user, self.broken, self.asked = user, [], 0
        self.client = Client(raise_request_exception=False)
        if user is not None:
            self.client.force_login(user)
        self.cookies = self.client.cookies.copy()

    def ask(self, method: str, address: str, *args: Any, **more: Any) -> Any:
        self.asked += 1
        sid = transaction.savepoint()
        try:
            if method.startswith("generic_"):  # with a body as it stands, and what it is said to be
                answer = self.client.generic(method.removeprefix("generic_").upper(), address, **more)
            else:
                answer = getattr(self.client, method)(address, *args, **more)
            if answer.streaming:
                b"".join(answer.streaming_content)
        finally:
            transaction.savepoint_rollback(sid)
            self.client.cookies = self.cookies.copy()
        if answer.status_code >= 500:
            self.note(method, address, args, answer)
        return answer

    def note(self, method: str, address: str, args: Any, answer: Any) -> None:
        error = getattr(answer, "exc_info", None)
        said = f"{error[0].__name__}: {str(error[1])[:150]}" if error else ""
        data = repr(args)[:300]
        self.broken.append(f"{method} {address[:300]} {data} {answer.status_code} {said}")


def asked_in_the_address(address: str, names: list[str], value: str) -> str:
    return address + "?" + "&".join(f"{name}={quote(value)}" for name in names)


def forms_in(page: bytes) -> Iterator[tuple[str, dict[str, list[str]]]]:
    """(where, fields) of each form on a page that posts."""
    for form in LexborHTMLParser(page.decode("utf-8", "replace")).css("form"):
        if (form.attributes.get("method") or "get").lower() != "post":
            continue
        fields: dict[str, list[str]] = {}
        for field in form.css("input,select,textarea,button"):
            name, value = field.attributes.get("name"), field.attributes.get("value")
            if not name:
                continue
            if field.tag == "select":
                chosen = field.css("option[selected]") or field.css("option")[-1:]
                fields[name] = [option.attributes.get("value") or "" for option in chosen]
            elif field.tag == "textarea":
                fields[name] = [field.text()]
            elif field.attributes.get("type") != "file":
                fields.setdefault(name, []).append(value or "")
        yield form.attributes.get("action") or "", fields


def each_wrong(fields: dict[str, list[str]], values: tuple[str, ...]) -> Iterator[dict[str, list[str]]]:
    """The form with one field wrong at a time."""
    for name in fields:
        if name not in FIXED:
            for value in values:
                yield fields | {name: [value]}
