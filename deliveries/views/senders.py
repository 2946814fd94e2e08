"""Who may send in a unit's name: the list, a new sender, and what DNS says of each."""

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _t
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access, audit
from accounts.models import OrganizationalUnit
from accounts.rights import Right
from campaign.lib.keyset import key_page
from campaign.lib.refusals import Forbidden, Refusal
from deliveries.forms.sender import SenderForm
from deliveries.models import Sender
from deliveries.routing import sender_checks, senders
from deliveries.views.shared import page, person, told


@require_http_methods(["GET", "HEAD", "POST"])
def listing(request: HttpRequest) -> HttpResponse:
    """The senders of the units that the person administers; by POST one more, or another name for one."""
    by = person(request)
    if not access.units(by, Right.ADMINISTER).exists():
        access.require(by, Right.ADMINISTER, by.home_unit or OrganizationalUnit.objects.get(parent=None))
    form = SenderForm(request.POST or None, by=by, initial=_typed_before(request))
    if request.method == "POST" and form.is_valid() and _saved(request, form):
        return redirect("deliveries:senders")
    rows = access.within(by, Right.ADMINISTER, Sender.objects.select_related("unit"))
    found = key_page(rows, before=request.GET.get("before"), after=request.GET.get("after"))
    return page(
        request, "senders", {"form": form, "page": found, "standings": sender_checks.standings(found.rows)}
    )


def _saved(request: HttpRequest, form: SenderForm) -> bool:
    try:
        sender = senders.save(**form.cleaned_data, by=person(request))
    except Forbidden:
        raise
    except Refusal as refusal:
        audit.record_refusal(refusal, by=person(request), action="save_sender")
        form.add_error(None, str(refusal))
        return False
    messages.success(request, _t("“%(sender)s” is saved.") % {"sender": sender})
    return True


def _typed_before(request: HttpRequest) -> dict[str, object]:
    """What the form begins with: nothing, or the sender that is to be changed."""
    wanted = request.GET.get("change", "")
    if not wanted:
        return {}
    sender = _own(request, wanted)
    return {
        "unit": sender.unit_id,
        "address": sender.address,
        "name": sender.name,
        "reply_to": sender.reply_to,
        "route": sender.route_id,
    }


@require_POST
def remove(request: HttpRequest, pk: int) -> HttpResponse:
    """The sender is gone from its unit's list."""
    sender = _own(request, str(pk))
    with told(request, action="remove_sender"):
        senders.remove(unit=sender.unit, address=sender.address, by=person(request))
        messages.success(request, _t("“%(sender)s” is no sender any more.") % {"sender": sender})
    return redirect("deliveries:senders")


@require_POST
def ask(request: HttpRequest, pk: int) -> HttpResponse:
    """DNS is asked anew, in the background."""
    sender = _own(request, str(pk))
    sender_checks.ask_again(by=person(request), sender=sender)
    messages.info(
        request, _t("DNS is being asked about “%(sender)s”: look again in a moment.") % {"sender": sender}
    )
    return redirect("deliveries:senders")


def _own(request: HttpRequest, pk: str) -> Sender:
    if not pk.isdecimal() or len(pk) > 18:
        raise Http404
    rows = access.within(person(request), Right.ADMINISTER, Sender.objects.select_related("unit"))
    return get_object_or_404(rows, pk=pk)
