"""Every address that has a name, with what stands in its places; and those that are not measured, with the reason."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.contrib import admin
from django.db import DatabaseError, transaction
from django.urls import NoReverseMatch, URLPattern, URLResolver, get_resolver, reverse

# Measured otherwise, or no page that is made of the database.
EXCEPTIONS = {
    "reporting:export": "a file of all rows, streamed: rows a second are measured by themselves",
    "reporting:summary-export": "a file",
    "reporting:export-progress": "known while a file is being downloaded",
    "reporting:report": "one mail as it came: there is one for a message that was reported by mail",
    "feedback:incoming-mail": "one mail as it came: there is one for a message that was reported by mail",
    "deliveries:attachment": "a file that was uploaded",
    "deliveries:template-frame": "one of the templates that ship, by its name; no database is asked",
    "feedback:picture": "a picture that was uploaded, by its digest",
    "feedback:sign-up": "the form of a service, by its secret key: measured by make bench-hits",
    "feedback:confirm": "a link with a token of its own in a letter",
    "feedback:preferences": "a link with a token of its own in a letter",
    "feedback:open": "counted by make bench-hits, without the database",
    "feedback:click": "counted by make bench-hits, without the database",
    "feedback:mirror": "counted by make bench-hits",
    "feedback:unsubscribe": "counted by make bench-hits",
    "account_confirm_email": "a link with a token of its own in a letter",
    "account_reset_password_from_key": "a link with a token of its own in a letter",
    "admin:view_on_site": "leads nowhere: no row has a page outside the desk",
    "admin:autocomplete": "asked by a form's field, with its name; an answer of 20 rows",
    "admin:jsi18n": "Django's own script",
    "styleguide": "made of no row, and shown on a developer's machine alone",
}
# Without a row of theirs there is nothing to show; an answer of 405 says that POST alone is answered.
BY_STATUS = {
    301: "leads on to another page, as where there is no row of its kind",
    302: "leads on to another page, as where there is no row of its kind",
    403: "nobody may: what it would do is done by a verb elsewhere",
    404: "there is no row of its kind",
    405: "answers POST alone",
}
# Pages of a delivery that is still written, and of one that waits for its confirmation.
OF_A_DRAFT = {"edit", "audience", "combine", "schedule", "content", "begin", "delete", "prepare", "proof"}
OF_A_READY_ONE = {"confirm"}
_JOBS = re.compile(r"admin:django_rq_")


@dataclass(frozen=True)
class Place:
    """A named address, with what it is called in the table."""

    name: str
    address: str
    what: str = ""

    @property
    def face(self) -> str:
        if self.name.startswith("admin:"):
            return "admin"
        return "public" if self.address.startswith(("/o/", "/c/", "/m/", "/u/", "/login", "/s/")) else "pages"


def names() -> dict[str, list[str]]:
    """Every name in the resolver, with its routes."""
    found: dict[str, list[str]] = {}
    for name, route in _walk(get_resolver().url_patterns):
        found.setdefault(name, []).append(route)
    return found


def _walk(patterns: list[Any], before: str = "", spaces: str = "") -> Iterator[tuple[str, str]]:
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            space = f"{spaces}{pattern.namespace}:" if pattern.namespace else spaces
            yield from _walk(pattern.url_patterns, route, space)
        elif isinstance(pattern, URLPattern) and pattern.name:
            yield f"{spaces}{pattern.name}", route


def exception(name: str) -> str:
    """Why an address of this name is not measured; empty where it is."""
    if _JOBS.match(name):
        return "django-rq's own page, of Valkey alone"
    return EXCEPTIONS.get(name, "")


@dataclass(frozen=True)
class Keys:
    """The rows that the addresses name."""

    delivery: int
    draft: int
    ready: int
    profile: int
    audience: int


def places(keys: Keys) -> Iterator[Place]:
    """Each named address that is measured, and the searches and tabs that ask most."""
    for name, routes in names().items():
        if exception(name):
            continue
        for route in routes[-1:]:
            values = {key: _value(name, key, kind, keys) for kind, key in _keys(route)}
            try:
                yield Place(name, reverse(name, kwargs=values))
            except NoReverseMatch:
                yield Place(name, "")
    yield from _asked(keys.delivery)
    yield from _of_a_draft(keys.draft)


def _keys(route: str) -> list[tuple[str, str]]:
    plain = re.sub(r"\(\?P<(\w+)>(?:[^()]|\([^()]*\))*\)", r"<str:\1>", route)
    return [(kind or "str", key) for kind, key in re.findall(r"<(?:(\w+):)?(\w+)>", plain)]


def _value(name: str, key: str, kind: str, keys: Keys) -> Any:
    fixed: dict[str, Any] = {
        "tab": "sending", "seq": 1, "profile_id": keys.profile, "profile_pk": keys.profile, "run_id": 1,
        "count": "created", "app_label": "audiences", "step": "apply", "name": "sending-log",
    }  # fmt: skip
    if key in fixed:
        return fixed[key]
    if name.startswith("admin:"):
        return _first_of_admin(name) or keys.delivery
    if name.startswith(("deliveries:", "reporting:")):
        own = {"picture": "Picture", "template": "ContentTemplate", "sender": "Sender"}
        model = next((model for start, model in own.items() if name.startswith(f"deliveries:{start}")), None)
        return _first(model) or 1 if model else _delivery_of(name.partition(":")[2], keys)
    if name.startswith("audiences:"):
        return _of_audiences(name, keys)
    return (_first("OrganizationalUnit") or 1) if kind == "int" else "x"


def _delivery_of(page: str, keys: Keys) -> int:
    if page in OF_A_DRAFT:
        return keys.draft
    return keys.ready if page in OF_A_READY_ONE else keys.delivery


def _of_audiences(name: str, keys: Keys) -> Any:
    kinds = dict.fromkeys(("profile", "consent", "unsubscribe", "unclear"), keys.profile)
    by_model = {
        "service": "Service",
        "import": "Import",
        "test-profile": "TestProfile",
        "attribute": "Attribute",
    }
    bare = name.partition(":")[2]
    for start, value in kinds.items():
        if bare.startswith(start):
            return value
    for start, model in by_model.items():
        if bare.startswith(start):
            return _first(model) or 1
    return keys.audience


def _first_of_admin(name: str) -> Any:
    for model in admin.site._registry:
        if name.startswith(f"admin:{model._meta.app_label}_{model._meta.model_name}_"):
            return _first(model._meta.object_name or "")
    return None


def _first(model_name: str) -> Any:
    for model in admin.site._registry:
        if model._meta.object_name == model_name:
            try:
                with transaction.atomic():
                    return model._default_manager.order_by("-pk").values_list("pk", flat=True).first()
            except DatabaseError:
                return None
    return None


def _of_a_draft(delivery_id: int) -> Iterator[Place]:
    """Whom it goes to is counted anew while it is written."""
    yield Place("deliveries:count", f"{reverse('deliveries:count')}?delivery={delivery_id}", "of a draft")
    yield Place("deliveries:dashboard", reverse("deliveries:dashboard", args=[delivery_id]), "of a draft")


def _asked(delivery_id: int) -> Iterator[Place]:
    """What people ask of the longest lists."""
    window = {tab: reverse("reporting:window", args=[delivery_id, tab]) for tab in (
        "log", "failures", "unknown", "exclusions", "causes", "clicks", "tracking", "urls",
    )}  # fmt: skip
    for tab, address in window.items():
        yield Place("reporting:window", address, tab)
    sending = reverse("reporting:window", args=[delivery_id, "sending"])
    for query in (
        "q=p777777@example.com", "q=7777", "status=bounced", "status=retrying", "status=unsent", "reaction=clicked",
        "reason=user_unknown", "after=500000", "reaction=not_opened", "link=1",
    ):  # fmt: skip
        yield Place("reporting:window", f"{sending}?{query}", query)
    for query in ("q=p777777@example.com", "kind=click", "agent=machine", "counted=click"):
        yield Place("reporting:window", f"{window['tracking']}?{query}", f"tracking {query}")
    yield Place("reporting:window", f"{window['exclusions']}?cause=quarantined", "exclusions cause")
    yield Place("reporting:window", f"{window['exclusions']}?q=p77@", "exclusions q")
    profiles = reverse("audiences:profiles")
    for query in (
        "q=Olinda+Reis",
        "q=7777",
        "q=p777777@example.com",
        "q=nobodyhasthis",
        "q=na",
        "state=missing",
    ):
        yield Place("audiences:profiles", f"{profiles}?{query}", query)
    yield Place("home:search", reverse("home:search") + "?q=7777", "q=7777")
    for model, query in (("audiences_profile", "q=7777"), ("deliveries_delivery", "q=News")):
        yield Place(f"admin:{model}_changelist", reverse(f"admin:{model}_changelist") + f"?{query}", query)
