"""Whose values fill a preview: a prepared recipient, a test profile, or anybody found by number, address or name."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from django.db.models import Max, Q, QuerySet
from django.http import HttpRequest
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _t

from accounts import access
from audiences import sight
from audiences.models import Profile, TestProfile
from audiences.profiles import people
from audiences.rules import targeting
from audiences.rules.rules import RuleError
from deliveries.forms.proof import find_profile
from deliveries.models import Delivery, Message, PreparationStatus
from deliveries.views.shared import number, person

MOST_OFFERED = 500
FOUND = 20  # people whom a search by name lists
LONGEST_SEARCH = 200


@dataclass(frozen=True)
class Who:
    """Whose message is shown: how to ask for it, what to call it, and the address that leads back to it."""

    options: dict[str, Any]
    label: str
    query: dict[str, Any]
    seq: int | None = None
    problem: str = ""
    searched: str = ""
    found: list[Profile] = field(default_factory=list)  # whom a search by name found
    previous: str = ""  # the queries of the one before and the one after
    following: str = ""
    profile: Profile | None = None  # whose values a proof to oneself may have

    @property
    def address(self) -> str:
        """The query that leads back to it, for a frame or after a proof."""
        return urlencode(self.query)


def chosen(
    request: HttpRequest, delivery: Delivery, *, options: dict[str, Any], query: dict[str, Any]
) -> Who:
    """Whom the address names; `options` and `query` are those of the version that is shown.

    Raise Http404 for a recipient or a test profile that there isn't, or that the person may not see.
    """
    if (seq := number(request, "seq")) is not None:
        return _recipient(request, delivery, seq)
    if (test := number(request, "test")) is not None:
        test_profile = get_object_or_404(test_profiles(request), pk=test)
        return Who(options | {"values": test_profile.values}, test_profile.label, query | {"test": test})
    text = request.GET.get("profile", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    searched = request.GET.get("q", "").replace("\0", "").strip()[:LONGEST_SEARCH]
    if not text:
        return Who(options, "", query, following=_first(request, delivery, query))
    if (profile := find_profile(person(request), text)) is not None:
        return _as(profile, request, delivery, options=options, query=query, searched=searched)
    if named := _test_profile_named(request, text):
        return Who(options | {"values": named.values}, named.label, query | {"test": named.pk})
    if any(map(str.isalpha, text)) and (matching := list(_matching(request, text)[:FOUND])):
        return _as(matching[0], request, delivery, options=options, query=query, searched=text)
    problem = _t("Nobody is found by the number, external id, address or name “%(text)s”.") % {
        "text": text[:100]
    }
    return Who(options, "", query, problem=problem, searched=text)


def _recipient(request: HttpRequest, delivery: Delivery, seq: int) -> Who:
    rows = Message.objects.filter(delivery_id=delivery.pk, seq=seq).exclude(address="")  # of somebody erased
    row: Any = get_object_or_404(sight.marked(rows, user=person(request), unit=delivery.unit))
    if not row.is_seen:
        problem = _t("This recipient belongs to a unit that you can't read: the fields stay empty.")
        return Who({"values": {}}, "", {}, seq=seq, problem=problem)
    if not row.is_clear:
        problem = _t("Without the right See addresses the fields of a recipient stay empty.")
        return Who({"values": {}}, "", {}, seq=seq, problem=problem)
    profile = sight.people(person(request)).filter(pk=row.profile_id).first()
    return Who({"message": row}, row.address, {"seq": seq}, seq=seq, profile=profile)


def _as(
    profile: Profile,
    request: HttpRequest,
    delivery: Delivery,
    *,
    options: dict[str, Any],
    query: dict[str, Any],
    searched: str,
) -> Who:
    """A profile, with the ones before and after it: among those found, or else among those of the audience."""
    query = query | ({"q": searched} if searched else {})
    among = _matching(request, searched) if searched else _targeted(request, delivery)
    before, after = (
        among.filter(pk__gt=profile.pk).order_by("pk"),
        among.filter(pk__lt=profile.pk).order_by("-pk"),
    )
    return Who(
        options | {"profile": profile},
        str(profile),
        query | {"profile": profile.pk},
        searched=searched,
        found=list(_matching(request, searched)[:FOUND]) if searched else [],
        previous=_query(before, query),
        following=_query(after, query),
        profile=profile,
    )


def _matching(request: HttpRequest, text: str) -> QuerySet[Profile]:
    """The profiles that the person may see and that hold each word, the newest first."""
    user = person(request)
    return people.found(sight.with_addresses(user), text, user=user).order_by("-pk")


def _targeted(request: HttpRequest, delivery: Delivery) -> QuerySet[Profile]:
    """Of those whom a preparation would target now, the ones that the person may see."""
    if delivery.audience is None:
        return Profile.objects.none()
    try:
        within = targeting.profiles(delivery.audience, unit=delivery.unit)
    except RuleError:
        return Profile.objects.none()
    return sight.with_addresses(person(request), within)


def _first(request: HttpRequest, delivery: Delivery, query: dict[str, Any]) -> str:
    return _query(_targeted(request, delivery).order_by("-pk"), query)


def _query(rows: QuerySet[Profile], query: dict[str, Any]) -> str:
    """The query that shows the first of these profiles; empty where there is none."""
    pk = rows.values_list("pk", flat=True).first()
    return "" if pk is None else urlencode(query | {"profile": pk})


def test_profiles(request: HttpRequest) -> QuerySet[TestProfile]:
    return access.visible(person(request), TestProfile.objects.all())


def offered_test_profiles(request: HttpRequest) -> dict[str, Any]:
    """Return key and label of as many as fit a list, and whether there are more."""
    rows = test_profiles(request).order_by("label", "pk").values_list("pk", "label")
    named = list(rows[: MOST_OFFERED + 1])
    return {"test_profiles": named[:MOST_OFFERED], "more_test_profiles": len(named) > MOST_OFFERED}


def _test_profile_named(request: HttpRequest, text: str) -> TestProfile | None:
    """The test profile with this label or address, if the person may see one."""
    named = Q(label__iexact=text) | Q(email__iexact=text)
    return test_profiles(request).filter(named).order_by("pk").first()


def recipients(delivery: Delivery) -> int:
    """Return how many prepared recipients can be shown one after the other."""
    preparation = delivery.preparation
    if preparation is None or preparation.status != PreparationStatus.DONE:
        return 0
    return delivery.messages.aggregate(last=Max("seq"))["last"] or 0


def sample_values(request: HttpRequest) -> dict[str, Any]:
    """Return the first test profile's values, for the editor."""
    first = test_profiles(request).first()
    return first.values if first else {}
