"""The content editor, uploads, and the preview for any profile or prepared recipient."""

from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.utils.translation import ngettext
from django.views.decorators.clickjacking import xframe_options_sameorigin
from django.views.decorators.http import require_http_methods, require_POST

from accounts import access
from accounts.kept_forms import edge as kept_forms
from accounts.people import people
from accounts.rights import Right
from audiences.fields.fields import shown as offered_fields
from campaign.lib import clock
from deliveries import drafting
from deliveries.drafting import attachments, library, unsaved, uploads
from deliveries.forms.attachments import Attach
from deliveries.forms.content import UploadContent, Write
from deliveries.forms.templates import KeepAsTemplate
from deliveries.lifecycle import groups, seal
from deliveries.models import Content, ContentDraft, Delivery
from deliveries.models.content import PARTS
from deliveries.proofs import previews
from deliveries.routing import senders
from deliveries.views import whose
from deliveries.views.shared import find, find_editable, number, page, person, refused_to_dashboard, told
from deliveries.views.whose import Who

# What a previewed page may do in its frame: show itself. The same holds if it is opened outside of it.
FRAME_POLICY = (
    "sandbox; default-src 'none'; img-src * data:; style-src * 'unsafe-inline'; font-src * data:;"
    " media-src *; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
OWN_LINKS = [
    ("{{ unsubscribe_url }}", _("Unsubscribe link")),
    ("{{ mirror_url }}", _("Mirror page link")),
]
INSERTABLE = ("subject", "preheader", "from_name", "html", "text")
VERSIONS = 20
PICTURES_OFFERED = 60


@require_http_methods(["GET", "HEAD", "POST"])
@refused_to_dashboard
def editor(request: HttpRequest, pk: int) -> HttpResponse:
    """Write and save the content; each save that changes something makes a version."""
    delivery = find_editable(request, pk)
    initial = _draft(request, delivery) or _parts(delivery, number(request, "version"))
    initial.setdefault("draft", unsaved.new_key())
    form = Write(request.POST or None, delivery=delivery, initial=initial)
    if request.method == "POST" and form.is_valid():
        if form.is_of(delivery.content):
            return _saved(request, delivery, form)
        form.take_up(delivery.content)
    return page(request, "content", _editor(request, delivery, form, UploadContent()))


def _saved(request: HttpRequest, delivery: Delivery, form: Write) -> HttpResponse:
    with told(request, delivery, action="write_content"):
        content = _written(request, delivery, form)
        unsaved.saved(delivery=delivery, key=form.cleaned_data["draft"], by=person(request))
        _tell_what_was_saved(request, delivery, content)
        if "and_close" in request.POST:
            return redirect("deliveries:dashboard", delivery.pk)
        return redirect("deliveries:content", delivery.pk)
    return page(request, "content", _editor(request, delivery, form, UploadContent()))


def _written(request: HttpRequest, delivery: Delivery, form: Write) -> Content:
    parts = form.parts | {"html": uploads.for_pasted(delivery, form.parts["html"])}
    how: dict[str, Any] = {"delivery": delivery, "by": person(request), "at": clock.now(), **parts}
    if form.chosen_sender:
        return drafting.send_as(sender=form.chosen_sender, **how)
    return drafting.write(**how)


@require_POST
@refused_to_dashboard
def upload(request: HttpRequest, pk: int) -> HttpResponse:
    """Make the page of a file, with its pictures, the new version."""
    delivery = find_editable(request, pk)
    form = UploadContent(request.POST, request.FILES)
    if not form.is_valid():
        written = Write(delivery=delivery, initial=_parts(delivery, None))
        return page(request, "content", _editor(request, delivery, written, form), status=422)
    file = form.cleaned_data["file"]
    with told(request, delivery, action="upload_content"):
        brought = uploads.bring_in(
            delivery=delivery, by=person(request), at=clock.now(), name=file.name, file=file.file
        )
        messages.success(request, _what_came(brought))
        if brought.left_out:
            names = ", ".join(brought.left_out[:5])
            messages.warning(
                request,
                _t("Left out, since they are no pictures that we serve: %(names)s") % {"names": names},
            )
    return redirect("deliveries:content", pk)


@require_http_methods(["GET", "HEAD", "POST"])
def preview(request: HttpRequest, pk: int) -> HttpResponse:
    """By GET show a page for any profile or recipient; by POST a fragment of what the editor has, unsaved."""
    if request.method == "POST":
        delivery = find_editable(request, pk)
        context = {"delivery": delivery, "preview": _unsaved(request, delivery), "unsaved": True}
        return page(request, "_preview", context)
    delivery = find(request, pk)
    who = _chosen(request, delivery)
    context = {
        "delivery": delivery,
        "who": who,
        "preview": previews.preview(delivery=delivery, **who.options),
        "frame_query": who.address,
        "attached": attachments.of(delivery),
        **whose.offered_test_profiles(request),
        "recipients": whose.recipients(delivery),
        "may_prove": bool(delivery.content_id)
        and delivery.status in groups.EDITABLE
        and access.can(person(request), Right.PREPARE, delivery),
        "own_address": people.verified_address(person(request)),
    }
    return page(request, "preview", context)


def _unsaved(request: HttpRequest, delivery: Delivery) -> previews.Preview:
    """What stands in the editor, with the values of the first test profile."""
    form = Write(request.POST)
    form.is_valid()
    parts = {part: form.cleaned_data.get(part, "") for part in PARTS}
    content = Content(delivery=delivery, **parts | {"html": uploads.for_pasted(delivery, parts["html"])})
    return previews.preview(delivery=delivery, content=content, values=whose.sample_values(request))


@require_http_methods(["GET", "HEAD", "POST"])
@xframe_options_sameorigin
def frame(request: HttpRequest, pk: int) -> HttpResponse:
    """Return the message alone, for a frame: by POST what the editor has. It runs nothing, and its links count nothing.

    It is a page of its own: under the policy of our pages no mail would look as it does.
    """
    if request.method == "POST":
        shown = _unsaved(request, find_editable(request, pk))
    else:
        delivery = find(request, pk)
        shown = previews.preview(delivery=delivery, **_chosen(request, delivery).options)
    answer = page(request, "frame", {"preview": shown})
    answer["Content-Security-Policy"] = FRAME_POLICY
    answer["Referrer-Policy"] = "no-referrer"
    answer["Cache-Control"] = "no-store"
    return answer


def _chosen(request: HttpRequest, delivery: Delivery) -> Who:
    """Whose message is shown, and of which version."""
    version = number(request, "version")
    if version is None:
        return whose.chosen(request, delivery, options={}, query={})
    content = get_object_or_404(delivery.contents, number=version)
    return whose.chosen(request, delivery, options={"content": content}, query={"version": version})


# -- the editor -------------------------------------------------------------------------------------------


def _parts(delivery: Delivery, version: int | None) -> dict[str, Any]:
    """Return the parts that the editor begins with: an earlier version's, the latest ones, or a fresh start."""
    content = delivery.content
    if version is not None:
        content = delivery.contents.filter(number=version).first()
        if content is None:
            raise Http404
    parts = {part: getattr(content, part) for part in PARTS} if content else senders.suggested(delivery.unit)
    return parts | {"base": delivery.content.number if delivery.content else 0}


def _drafts(request: HttpRequest, delivery: Delivery) -> QuerySet[ContentDraft]:
    """What the person may go on with; not what stands in the page again after their session had ended."""
    rows = unsaved.of(delivery, by=person(request)).defer("html", "text")
    again = kept_forms.waiting(request).get("draft")
    return rows.exclude(key=again) if again else rows


def _draft(request: HttpRequest, delivery: Delivery) -> dict[str, Any] | None:
    """What the person wrote on another page and goes on with here; None where the address names no such draft."""
    key = request.GET.get("draft", "").replace("\0", "")
    draft = unsaved.of(delivery, by=person(request)).filter(key=key).first() if key else None
    return draft and draft.parts | {"base": draft.base, "draft": draft.key}


def _editor(
    request: HttpRequest, delivery: Delivery, form: Write, upload_form: UploadContent
) -> dict[str, Any]:
    shown = previews.preview(delivery=delivery) if delivery.content else None
    return {
        "delivery": delivery,
        "form": form,
        "upload_form": upload_form,
        "library": library.of_unit(delivery.unit)[:PICTURES_OFFERED],
        "drafts": _drafts(request, delivery),
        "draft_key": form["draft"].value(),
        "latest": delivery.content.number if delivery.content else 0,
        "fields": [
            (f"{{{{ profile.{field.name} }}}}", field.label, field.name) for field in offered_fields()
        ],
        "insertable": [form[name] for name in INSERTABLE],
        "own_links": OWN_LINKS,
        "senders": [sender.address for sender in senders.offered(delivery.unit)],
        "versions": delivery.contents.select_related("author").defer("html", "text")[:VERSIONS],
        "pictures": [uploads.original_name(path) for path in delivery.assets.values_list("path", flat=True)],
        "preview": shown,
        "attach_form": Attach(),
        "keep_form": KeepAsTemplate(
            by=person(request), initial={"label": delivery.label, "unit": delivery.unit_id}
        ),
        "attached": attachments.of(delivery),
        "attachments_most": settings.SINETE["attachments_most"],
        "attachments_megabytes": settings.SINETE["attachments_megabytes"],
    }


def _tell_what_was_saved(request: HttpRequest, delivery: Delivery, content: Content) -> None:
    if content.pk == delivery.content_id:
        messages.info(
            request, _t("Nothing was changed: version %(number)s stays.") % {"number": content.number}
        )
        return
    changed = seal.changes(find(request, delivery.pk))
    if changed:
        parts = seal.in_words(changed)
        text = _t("Saved as version %(number)s. Changed since it was prepared: %(parts)s. Prepare it again.")
        messages.warning(request, text % {"number": content.number, "parts": parts})
    else:
        messages.success(request, _t("Saved as version %(number)s.") % {"number": content.number})


def _what_came(brought: uploads.Brought) -> str:
    text = ngettext(
        "Version %(number)s holds the page, with %(pictures)s picture.",
        "Version %(number)s holds the page, with %(pictures)s pictures.",
        brought.pictures,
    )
    return text % {"number": brought.content.number, "pictures": brought.pictures}
