"""Audiences: the list, one audience, the form for rules with its live count, fixed lists."""

import json
from contextlib import nullcontext
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _t
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import access
from accounts.desk import person
from accounts.kept_forms import edge as kept_forms
from accounts.lists import as_it_was_left
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from audiences import sight
from audiences.fields import fields
from audiences.forms import choices, rule_form
from audiences.forms.combining import CombineForm
from audiences.forms.filters import AudienceFilter
from audiences.forms.rule_form import RuleForm
from audiences.forms.targets import AudienceForm, ListForm, PastedForm
from audiences.models import Audience, Profile, Service
from audiences.rules import rules, sizes, targeting
from audiences.targets import combining, definitions
from audiences.views.shared import refusals_in, visible_or_404
from campaign.lib import clock, in_time

SHOWN = 25
PATIENCE = 30  # milliseconds that a question about people may hold up a page


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """The audiences that one may see, with their rules in plain words and their counts; as one left the list."""
    user = person(request)
    if (left := as_it_was_left(request, name="audiences", form=AudienceFilter, user=user)) is not None:
        return left
    filters = AudienceFilter(request.GET, user=user)
    rows = filters.narrowed(access.visible(user, Audience.objects.select_related("unit", "created_by")))
    page = filters.page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    known, labels = rules.known_fields(), rules.labels_of(audience.rule for audience in page.rows)
    for audience in page.rows:
        audience.words = _words(audience.rule, known, labels) if audience.kind == Audience.Kind.RULE else ""
    context = {
        "page": page,
        "filters": filters,
        "can_create": access.units(user, Right.PREPARE).exists(),
        "is_counting": sizes.ask(page.rows, at=clock.now()),
    }
    return render(request, "audiences/audiences.html", context)


def _words(rule: rules.Rule, known: dict[str, fields.ProfileField], labels: rules.Labels) -> str:
    """The rule in words; an attribute that it needs may be gone by now."""
    try:
        return rules.in_words(rule, known=known, labels=labels)
    except rules.RuleError as error:
        return str(error)


@require_GET
def audience(request: HttpRequest, pk: int) -> HttpResponse:
    """One audience: its rule, how many it holds now, and some of them; where that takes long, it follows the page."""
    found = visible_or_404(request, Audience.objects.select_related("unit", "created_by"), pk)
    asked = "counts" in request.GET
    context: dict[str, Any] = {
        "audience": found,
        "can_change": access.can(request.user, Right.PREPARE, found),
        "pasted_form": PastedForm() if found.kind == Audience.Kind.LIST else None,
    }
    try:
        if found.kind == Audience.Kind.RULE:
            context["words"] = rules.in_words(found.rule)
        with nullcontext() if asked else in_time.at_most(PATIENCE):
            context |= _people(request, found)
    except rules.RuleError as error:
        context["error"] = str(error)
    except in_time.TooSlow:
        context["counts_follow"] = True
    is_fragment = asked and request.headers.get("HX-Request")
    return render(request, f"audiences/{'_people' if is_fragment else 'audience'}.html", context)


def _people(request: HttpRequest, found: Audience) -> dict[str, Any]:
    """How many an audience holds now, the newest of them, and the counts of what it is made of."""
    profiles = targeting.profiles(found)
    seen = sight.with_addresses(request.user, profiles)
    count = profiles.count()
    if count != found.counted or sizes.is_stale(found, at=clock.now()):
        sizes.note(found, count, at=clock.now())
    return {
        "count": count,
        "profiles": list(seen.order_by("-pk")[:SHOWN]),
        "seen": None if access.sees_all_below(request.user, found.unit) else seen.count(),
        "parts": combining.parts_of(found) if found.kind == Audience.Kind.RULE else [],
    }


@require_http_methods(["GET", "POST"])
def create_rule(request: HttpRequest) -> HttpResponse:
    return _rule_page(request, None)


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_or_404(request, Audience.objects.select_related("unit"), pk)
    access.require(request.user, Right.PREPARE, found)
    return _rule_page(request, found)


def _rule_page(request: HttpRequest, found: Audience | None) -> HttpResponse:
    """The form; its buttons for rows and groups come back with the form changed, the others save."""
    known = rules.known_fields()
    initial = {"label": found.label, "description": found.description} if found else None
    form = AudienceForm(request.POST or None, initial=initial, user=request.user, unit=found and found.unit)
    builder, text = _builder(request, found, known)
    action = request.POST.get("do", "save")
    if request.method == "POST" and action != "save":
        if builder:
            builder.act(action)
        form = AudienceForm(initial=request.POST.dict(), user=request.user, unit=found and found.unit)
    elif request.method == "POST" and form.is_valid():
        with refusals_in(form):
            saved = _save(request, found, form, builder.rule() if builder else _from_text(text))
            return redirect("audiences:audience", saved.pk)
    unit = found.unit if found else None
    is_list = bool(found and found.kind == Audience.Kind.LIST)
    context = {
        "audience": found, "form": form, "builder": builder, "text": text, "is_list": is_list,
        **({} if is_list or builder is None else _said(request, builder, unit, known, is_page=not request.POST)),
    }  # fmt: skip
    return render(request, "audiences/audience_form.html", context)


def _builder(
    request: HttpRequest, found: Audience | None, known: dict[str, fields.ProfileField]
) -> tuple[RuleForm | None, str]:
    if "text" in request.POST:
        return None, request.POST["text"]
    if request.method == "POST":
        return _offering(request, rule_form.from_post(request.POST, known), found), ""
    if typed := kept_forms.waiting(request):  # after a session's end: as many rows as there were
        if "text" in typed:
            return None, typed["text"]
        return _offering(request, rule_form.from_post(typed, known), found), ""
    rule = found.rule if found else {}
    try:
        return _offering(request, rule_form.from_rule(rule, known), found), ""
    except rule_form.TooDeep:
        return None, json.dumps(rule, indent=2, ensure_ascii=False)


def _offering(
    request: HttpRequest, form: RuleForm, found: Audience | None = None, *, only_names: bool = False
) -> RuleForm:
    """The form with what can be chosen: of very many attributes those in use, stored values, other audiences."""
    if len(form.known) > len(fields.COLUMNS) + fields.MOST_SHOWN:
        form.shown = [*fields.shown(), *rules.BESIDE_PROFILES]
    unit = found.unit if found else _unit(request)
    choices.offer(form, user=request.user, unit=unit, aside=found, only_names=only_names)
    return form


def _from_text(text: str) -> rules.Rule:
    rule = rules.from_text(text)
    return rule if isinstance(rule, dict) else {"": rule}


def _save(request: HttpRequest, found: Audience | None, form: AudienceForm, rule: rules.Rule) -> Audience:
    values = {"label": form.cleaned_data["label"], "description": form.cleaned_data["description"]}
    if found is None:
        return definitions.create_rule(**values, rule=rule, unit=form.chosen_unit(), by=request.user)
    is_rule = found.kind == Audience.Kind.RULE
    return definitions.change(audience=found, **values, rule=rule if is_rule else None, by=request.user)


@require_POST
def builder(request: HttpRequest) -> HttpResponse:
    """The rows of the form after another field or operator was chosen.

    After an operator the values stay as they stand in the browser: one may be typed while this is on its way.
    """
    form = rule_form.from_post(request.POST, rules.known_fields())
    form.act(request.POST.get("do", ""))
    _offering(request, form)
    keeps_values = (request.headers.get("HX-Trigger-Name") or "").endswith("-is")
    return render(request, "audiences/_builder.html", {"builder": form, "keeps_values": keeps_values})


@require_POST
def preview(request: HttpRequest) -> HttpResponse:
    """The rule as it stands on the page: in words, and how many it holds."""
    known = rules.known_fields()
    form = _offering(request, rule_form.from_post(request.POST, known), only_names=True)
    return render(request, "audiences/_said.html", _said(request, form, _unit(request), known))


def _unit(request: HttpRequest) -> OrganizationalUnit | None:
    return access.readable_unit(request.user, request.POST.get("unit"))


def _said(
    request: HttpRequest,
    form: RuleForm,
    unit: OrganizationalUnit | None,
    known: dict[str, fields.ProfileField],
    *,
    is_page: bool = False,
) -> dict[str, Any]:
    """What is finished of the rule, in words and counted; nothing is complained of that was only just begun.

    For a page what takes long is left out, and `counts_follow` says so.
    """
    rule = form.rule(finished=True)
    if form.unfinished and not rule:
        return {"unfinished": form.unfinished}
    try:
        checked = rules.validated(rule, known=known)
        labels = _labels(request, checked)
        asked = targeting.condition(checked, known=known)
    except rules.RuleError as error:
        return {"incomplete": str(error)}
    within = sight.with_addresses(request.user, targeting.in_unit(unit) if unit else None)
    found = within.filter(asked)
    said = {"unfinished": form.unfinished, "words": rules.in_words(checked, known=known, labels=labels)}
    try:
        with in_time.at_most(PATIENCE) if is_page else nullcontext():
            return said | {"count": found.count(), "people": list(found.order_by("-pk")[:SHOWN])}
    except in_time.TooSlow:
        return said | {"counts_follow": True}


def _labels(request: HttpRequest, rule: rules.Rule) -> rules.Labels:
    """The labels of what a rule names; raise RuleError for an audience or service that the person may not see."""
    named = rules.named_audiences(rule)
    rows = (
        access.visible(request.user, Audience.objects.filter(pk__in=named))
        if named
        else Audience.objects.none()
    )
    labels: rules.Labels = dict(rows.values_list("pk", "label"))
    if len(labels) < len(named):
        raise rules.RuleError(place=_t("the rule"), reason=_t("an audience that it names is gone."))
    if not (asked := rules.named_services(rule)):
        return labels
    services = rules.service_labels(access.visible(request.user, Service.objects.filter(pk__in=asked)))
    if len(services) < len(asked):
        raise rules.RuleError(place=_t("the rule"), reason=_t("a service that it names is gone."))
    return labels | services


@require_http_methods(["GET", "POST"])
def combine(request: HttpRequest) -> HttpResponse:
    """Several lists and rules as one audience, each and the whole counted; saved by its button alone."""
    form = CombineForm(request.POST or None, user=request.user)
    counted: dict[str, Any] = {}
    with refusals_in(form):
        counted = form.counted() if request.method == "POST" else {}
        if request.method == "POST" and request.POST.get("do") == "save" and form.is_valid():
            return redirect("audiences:audience", form.make(by=request.user).pk)
    name = "_combined" if request.htmx else "combine"
    return render(request, f"audiences/{name}.html", {"form": form, **counted})


@require_http_methods(["GET", "POST"])
def create_list(request: HttpRequest) -> HttpResponse:
    form = ListForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        with refusals_in(form):
            made, unknown = definitions.create_list(
                label=form.cleaned_data["label"],
                description=form.cleaned_data["description"],
                unit=form.chosen_unit(),
                pasted=form.cleaned_data["pasted"],
                by=request.user,
            )
            _tell_unknown(request, unknown)
            return redirect("audiences:audience", made.pk)
    return render(request, "audiences/list_form.html", {"form": form})


@require_POST
def add_members(request: HttpRequest, pk: int) -> HttpResponse:
    found = visible_or_404(request, Audience.objects.select_related("unit"), pk)
    form = PastedForm(request.POST)
    if form.is_valid():
        unknown = definitions.add_members(audience=found, pasted=form.cleaned_data["pasted"], by=request.user)
        _tell_unknown(request, unknown)
    return redirect("audiences:audience", pk)


@require_POST
def remove_member(request: HttpRequest, pk: int, profile_pk: int) -> HttpResponse:
    found = visible_or_404(request, Audience.objects.select_related("unit"), pk)
    profile = visible_or_404(request, Profile.objects.all(), profile_pk)
    definitions.remove_member(audience=found, profile=profile, by=request.user)
    return redirect("audiences:audience", pk)


@require_http_methods(["GET", "POST"])
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    """The question, and the answer."""
    found = visible_or_404(request, Audience.objects.select_related("unit"), pk)
    access.require(request.user, Right.PREPARE, found)
    if request.method == "POST":
        definitions.delete(audience=found, by=request.user)
        messages.success(request, _t("“%(label)s” is deleted.") % {"label": found.label})
        return redirect("audiences:list")
    return render(request, "audiences/delete.html", {"audience": found})


def _tell_unknown(request: HttpRequest, unknown: list[str]) -> None:
    if unknown:
        text = ngettext(
            "Nobody is known by this: %(some)s",
            "Nobody is known by %(count)d of these: %(some)s",
            len(unknown),
        )
        some = ", ".join(unknown[:10]) + (" …" if len(unknown) > 10 else "")
        messages.warning(request, text % {"count": len(unknown), "some": some})
