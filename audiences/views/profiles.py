"""Profiles: the list with its search, one profile, the form, consents, the export."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from accounts import access
from accounts.desk import person
from accounts.lists import as_it_was_left
from accounts.models import User
from accounts.rights import Right
from audiences import sight, tracking
from audiences.consent import consent_words, consents, tracking_consents
from audiences.fields import fields
from audiences.forms.filters import ProfileFilter
from audiences.forms.profiles import ProfileForm
from audiences.models import Audience, ConsentEvent, Profile, Quarantine, Service
from audiences.profiles import export_styles, people
from audiences.rules import targeting
from audiences.rules.rules import RuleError
from audiences.services import subscribing
from audiences.views.shared import refusals_in, visible_or_404
from campaign.lib import clock, numbers
from campaign.lib.keyset import KeyPage

PATIENCE = 1_000  # milliseconds that counting may take once the page is there


@require_GET
def listing(request: HttpRequest) -> HttpResponse:
    """The profiles that one may see; a search looks at any part of names, address, city and id.

    They stand as one left the list. The words are not remembered, for they name people, nor is a list of one audience.
    """
    user = person(request)
    left = (
        as_it_was_left(request, name="profiles", form=ProfileFilter, user=user, aside=("q",))
        if "audience" not in request.GET
        else None
    )
    if left is not None:
        return left
    filters, audience = ProfileFilter(request.GET, user=user), _audience(request, request.GET)
    rows = _listed(filters, audience, user)
    page = filters.page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    context = {
        "filters": filters,
        "audience": audience,
        "page": page,
        "can_create": access.units(request.user, Right.IMPORT).exists(),
        "export_units": access.units(request.user, Right.EXPORT),
        "can_erase": access.units(request.user, Right.ERASE).exists(),
        "style": export_styles.of(request.user),
    }
    return render(request, "audiences/profiles.html", context)


@require_GET
def count(request: HttpRequest) -> HttpResponse:
    """How many the same list has, for a page that was there first; and by what it may be sorted, as is known now."""
    user = person(request)
    filters, audience = ProfileFilter(request.GET, user=user), _audience(request, request.GET)
    total = filters.count(_listed(filters, audience, user), patience=PATIENCE)
    context = {"filters": filters, "page": KeyPage([], None, None, total)}
    return render(request, "audiences/_profiles_count.html", context)


def _listed(filters: ProfileFilter, audience: Audience | None, user: User) -> QuerySet[Profile]:
    rows = filters.narrowed(sight.with_addresses(user, Profile.objects.select_related("unit")))
    return people.found(_of(audience, rows), filters.words, user=user)


def _audience(request: HttpRequest, query: QueryDict) -> Audience | None:
    """The audience whose people are asked for; raise Http404 for one that the person may not see."""
    if not query.get("audience"):
        return None
    found = numbers.key(query["audience"])
    return visible_or_404(request, Audience.objects.select_related("unit"), -1 if found is None else found)


def _of(audience: Audience | None, rows: QuerySet[Profile]) -> QuerySet[Profile]:
    """Of these profiles those that the audience has now; none where its rule makes no sense any more."""
    if audience is None:
        return rows
    try:
        return rows.filter(pk__in=targeting.profiles(audience).order_by().values("pk"))
    except RuleError:
        return rows.none()


@require_GET
def profile(request: HttpRequest, pk: int) -> HttpResponse:
    """What is known of one person: facts, attributes, consents; the history loads below."""
    found = _profile(request, pk)
    rights = access.held(request.user, found)
    known = [
        field for field in fields.shown(found.attributes) if field.column or field.name in found.attributes
    ]
    facts = [
        (field.label, field.in_words(sight.value_of(field.name, field.value_of(found), found)), field.kind)
        for field in known
    ]
    context = {
        "profile": found,
        "facts": facts,
        "channels": _channels(found),
        "measured": tracking.answers(found),
        "consents": consent_words.carried(
            found.consents.select_related("by", "service", "text")[:50], request.user
        ),
        "subscriptions": subscribing.of_profile(found.pk),
        "address_says_no": consents.address_says_no(found),
        "quarantine": Quarantine.objects.filter(address_key=found.email_key).first()
        if found.email_key
        else None,
        "doubts": found.doubts.filter(decision="") if found.consent_unclear else [],
        "can_edit": Right.IMPORT in rights,
        "can_decide": Right.PREPARE in rights,
        "can_export_person": Right.EXPORT_PERSON in rights,
        "can_erase": Right.ERASE in rights,
    }
    return render(request, "audiences/profile.html", context)


def _profile(request: HttpRequest, pk: int) -> Profile:
    """The profile, with what the person may read of it; raise Http404 where they may not see it."""
    rows = sight.with_addresses(person(request), Profile.objects.select_related("unit"))
    return get_object_or_404(rows, pk=pk)


def _channels(found: Profile) -> list[tuple[str, str, bool]]:
    return [
        (channel.value, str(channel.label), getattr(found, consents.FLAGS[channel]))
        for channel in ConsentEvent.Channel
    ]


@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    form = ProfileForm(request.POST or None, user=request.user)
    if request.method == "POST" and form.is_valid():
        with refusals_in(form):
            made = people.create(values=form.values, unit=form.cleaned_data["unit"], by=request.user)
            return redirect("audiences:profile", made.pk)
    return render(request, "audiences/profile_form.html", {"form": form})


@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    found = _profile(request, pk)
    access.require(request.user, Right.IMPORT, found)
    form = ProfileForm(request.POST or None, user=request.user, profile=found)
    if request.method == "POST" and form.is_valid():
        with refusals_in(form):
            people.change(profile=found, values=form.values, by=request.user)
            return redirect("audiences:profile", pk)
    return render(request, "audiences/profile_form.html", {"form": form, "profile": found})


@require_POST
def consent(request: HttpRequest, pk: int) -> HttpResponse:
    """Opt the person out of a channel, or in again; or say what of them may be measured."""
    found = visible_or_404(request, Profile.objects.all(), pk)
    purpose, decision = request.POST.get("purpose", ""), request.POST.get("decision")
    if purpose in tracking.COLUMNS and decision in ("in", "out"):
        origin = subscribing.Origin(clock.now(), "page", by=request.user)
        tracking_consents.say(profile_id=found.pk, purposes={purpose: decision == "in"}, origin=origin)
        messages.success(request, _t("The consent is noted."))
        return redirect("audiences:profile", pk)
    channel = request.POST.get("channel", "")
    if channel in ConsentEvent.Channel.values:
        verb = consents.opt_out if decision == "out" else consents.opt_in
        verb(profile_id=found.pk, channel=channel, at=clock.now(), source="page", by=request.user)
        messages.success(request, _t("The consent is noted."))
    return redirect("audiences:profile", pk)


@require_POST
def unsubscribe(request: HttpRequest, pk: int, service_pk: int) -> HttpResponse:
    """The person is no more subscribed to a service."""
    found = visible_or_404(request, Profile.objects.all(), pk)
    service = visible_or_404(request, Service.objects.all(), service_pk)
    origin = subscribing.Origin(clock.now(), "page", by=request.user)
    if subscribing.leave(service=service, profile_id=found.pk, origin=origin):
        messages.success(request, _t("The consent is noted."))
    return redirect("audiences:profile", pk)


@require_POST
def export(request: HttpRequest) -> StreamingHttpResponse:
    """The profiles that the search finds, of a unit where one may export, as a file that does no harm.

    Raise access.NotAllowed for a person who belongs to no unit and may export nowhere.
    """
    filters = ProfileFilter(request.POST, user=request.user)
    units = access.units(request.user, Right.EXPORT)
    chosen = filters.cleaned_data["unit"] if filters.is_valid() else None
    unit = chosen or units.first() or request.user.home_unit
    if unit is None:
        raise access.NotAllowed(by=request.user, right=Right.EXPORT, target=request.user)
    rows = filters.narrowed(sight.with_addresses(person(request)))
    rows = people.found(_of(_audience(request, request.POST), rows), filters.words, user=person(request))
    if "delimiter" in request.POST:
        export_styles.remember(
            user=request.user,
            delimiter=request.POST["delimiter"],
            encoding=request.POST.get("encoding", ""),
        )
    lines = export_styles.encoded(people.export(profiles=rows, unit=unit, by=request.user), by=request.user)
    response = StreamingHttpResponse(lines, content_type=export_styles.content_type(request.user))
    response["Content-Disposition"] = 'attachment; filename="profiles.csv"'
    return response
