"""What the operators' desk (Django admin) has in common.

Staff see what their rights let them see, and change it through verbs. Nothing is added, changed or deleted without
one.
"""

import json
from typing import Any, ClassVar

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.utils import get_fields_from_path, unquote
from django.contrib.admin.widgets import AutocompleteSelect
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db import models, transaction
from django.db.models import QuerySet
from django.forms.fields import InvalidJSONInput
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from accounts import access, audit, audit_words, desk_display
from accounts.kept_forms import edge as kept_forms
from accounts.models import AuditEvent, OrganizationalUnit, User
from accounts.rights import Right
from campaign.lib import numbers
from campaign.lib.refusals import Refusal

desk_display.install()


def person(request: HttpRequest) -> User:
    """Whoever is signed in; the desk asks for a login."""
    assert isinstance(request.user, User)
    return request.user


def anywhere(request: HttpRequest) -> frozenset[Right]:
    """The rights that this person holds on any unit at all, read once for a request."""
    if not hasattr(request, "_rights_anywhere"):
        user = person(request)
        more = access.OF_SUPERUSERS if user.is_superuser else frozenset()
        request._rights_anywhere = access.on_any_unit(user) | more
    return request._rights_anywhere


def administers_everything(request: HttpRequest) -> bool:
    """Whether this person administers the unit above all others; what hangs under no unit is theirs."""
    if Right.ADMINISTER not in anywhere(request):
        return False
    if not hasattr(request, "_administers_everything"):
        root = OrganizationalUnit.objects.filter(parent=None).order_by("pk").first()
        request._administers_everything = root is not None and access.can(
            person(request), Right.ADMINISTER, root
        )
    return request._administers_everything


class ReadableJSON(forms.JSONField):
    """Django's own, which knows nothing nested too deep, no number too long, and no half a character."""

    def to_python(self, value: Any) -> Any:
        """Return the value that the text stands for. Raise ValidationError for a text that can't be read as JSON."""
        try:
            return _whole(super().to_python(value))
        except (RecursionError, ValueError):
            raise forms.ValidationError(_("This can't be read as JSON."), code="invalid") from None

    def bound_data(self, data: Any, initial: Any) -> Any:
        try:
            return _whole(super().bound_data(data, initial))
        except (RecursionError, ValueError):
            return InvalidJSONInput(data)


def _whole(value: Any) -> Any:
    """The value; raise ValueError where a text in it holds half a character, which no page and no database takes."""
    json.dumps(value, ensure_ascii=False, default=str).encode()
    return value


class _ThatAreKeys:
    """Of what was typed into a choice of rows only keys are looked for; the field itself says what is wrong."""

    def optgroups(self, name: str, value: list[str], attr: Any = None) -> Any:
        keys = [each for each in value if numbers.key(each) is not None]
        return super().optgroups(name, keys, attr)


class DeskAdmin(ModelAdmin):
    """A list to look at. A subclass that changes things is a `VerbAdmin`."""

    formfield_overrides: ClassVar[dict[Any, dict[str, Any]]] = {
        models.JSONField: {"form_class": ReadableJSON}
    }

    right: ClassVar[Right] = Right.ADMINISTER
    looked_up: ClassVar[tuple[str, ...]] = ()  # beside its filters: what the address of the list may ask for
    under_unit: ClassVar[bool] = True  # its rows have a `unit`; otherwise they are the root's

    actions = None
    list_per_page = 50
    show_full_result_count = False
    list_filter_submit = False

    def lookup_allowed(self, lookup: str, value: Any, request: HttpRequest | None = None) -> bool:
        """What the list names, nothing else. Django takes every field, even a password's hash by its letters."""
        return lookup in self._lookups(request)

    def _lookups(self, request: HttpRequest | None) -> set[str]:
        """The parameters of this list's own filters, of its dates, and what it names besides."""
        names = set(self.looked_up)
        for each in self.get_list_filter(request) if request else self.list_filter:
            if isinstance(each, type):
                names.add(each.parameter_name)
            else:
                key = get_fields_from_path(self.model, each)[-1]
                row = f"__{key.target_field.name}" if key.is_relation else ""
                names |= {each, f"{each}{row}__exact", f"{each}__isnull"}
        if self.date_hierarchy:
            names |= {f"{self.date_hierarchy}__{part}" for part in ("year", "month", "day", "gte", "lt")}
        return names

    def has_module_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if not self.under_unit:
            return administers_everything(request)
        if self.right not in anywhere(request):
            return False
        return obj is None or self.may(request, self.right, obj)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def may(self, request: HttpRequest, right: Right, obj: Any) -> bool:
        """Whether the person holds a right on this object; asked again and again while a page is drawn."""
        cache = request.__dict__.setdefault("_held", {})
        key = (type(obj), obj.pk)
        if key not in cache:
            cache[key] = access.held(person(request), obj)
        return right in cache[key]

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        field = super().formfield_for_foreignkey(db_field, request, **kwargs)
        if field is not None and isinstance(field.widget, AutocompleteSelect):
            kind = type(field.widget)
            field.widget.__class__ = type(kind.__name__, (_ThatAreKeys, kind), {})
        return field

    def get_object(self, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The row of this key, or none: a NUL, which an address here can name by `_00`, is in no key."""
        return None if "\0" in object_id else super().get_object(request, object_id, from_field or None)

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        rows = super().get_queryset(request)
        if not self.under_unit:
            return rows
        if self.right == Right.VIEW:
            return access.visible(person(request), rows)
        return access.within(person(request), self.right, rows)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with recorded(request, self.model):
            return super().changeform_view(request, *args, **kwargs)

    def delete_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        with recorded(request, self.model):
            return super().delete_view(request, *args, **kwargs)

    def history_view(
        self, request: HttpRequest, object_id: str, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        """What the audit trail knows of the row, newest first; Django's own log of the desk stays empty."""
        row = self.get_object(request, unquote(object_id))
        if row is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)
        if not self.has_view_or_change_permission(request, row):
            raise PermissionDenied
        events = AuditEvent.objects.filter(target_type=self.opts.label_lower, target_id=str(row.pk))
        page = Paginator(events.order_by("-id"), self.list_per_page).get_page(request.GET.get("p"))
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "object": row, "original": row,
            "title": _("History"), "page": page, "events": [_told(event) for event in page],
            "preserved_filters": self.get_preserved_filters(request),
        }  # fmt: skip
        return render(request, "admin/object_history.html", context)


def _told(event: AuditEvent) -> dict[str, Any]:
    """An event as the history of its row shows it: what happened and through whom, not what else was noted."""
    return {
        "at": event.at,
        "who": event.actor_name or event.os_user,
        "done": audit_words.in_words(event.action),
        "refused": event.refused,
        "through": audit.face_in_words(event.face),
    }


class recorded:  # noqa: N801  reads as a word
    """What the desk itself turns away when it is posted leaves an audit event, as what a verb refuses does."""

    def __init__(self, request: HttpRequest, model: type[models.Model]) -> None:
        self.request, self.model = request, model

    def __enter__(self) -> None: ...

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if isinstance(error, PermissionDenied) and self.request.method == "POST":
            audit.record(
                "refused", by=person(self.request), refused=True, path=self.request.path[:200],
                model=self.model._meta.label_lower,
            )  # fmt: skip


class VerbForm(forms.ModelForm):
    """A form whose saving is one verb; a refusal of the verb is an error of the form.

    The verb runs at the end of the validation, in a savepoint: if it refuses, only its refusal is kept.
    """

    by: ClassVar[User]

    def apply(self) -> models.Model:
        """Call the verb; return the row that it made or changed.

        Each form says how; without that, NotImplementedError is raised.
        """
        raise NotImplementedError

    @property
    def fresh(self) -> Any:
        """The row as it stands, untouched by what was typed."""
        return self._meta.model._default_manager.get(pk=self.instance.pk)

    def _post_clean(self) -> None:
        super()._post_clean()
        if self.errors:
            return
        before = self.instance
        try:
            with transaction.atomic():
                self.instance = self.apply()
        except Refusal as refusal:
            audit.record_refusal(refusal, by=self.by, target=before if before.pk else None)
            self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))


class VerbAdmin(DeskAdmin):
    """Rows that are made and changed by the verb of its `VerbForm`."""

    form: type[VerbForm]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"by": person(request)})

    def get_changeform_initial_data(self, request: HttpRequest) -> dict[str, Any]:
        """Return what the address says a new row begins with; of moments nothing, as it may say any text."""
        moments = {field.name for field in self.opts.get_fields() if isinstance(field, models.DateField)}
        said = super().get_changeform_initial_data(request)
        return {name: value for name, value in said.items() if name not in moments}

    def save_form(self, request: HttpRequest, form: Any, change: bool) -> Any:
        return form.instance

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The verb has done it."""

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """There is nothing beside the verb."""


class ViewersAdmin(VerbAdmin):
    """Rows that whoever may see them makes, changes and deletes, too."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)


class PreparersAdmin(VerbAdmin):
    """Rows of a unit that whoever prepares deliveries there makes, changes and deletes."""

    right = Right.VIEW

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.PREPARE in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        if obj is None:
            return Right.PREPARE in anywhere(request)
        return self.may(request, Right.PREPARE, obj)

    has_delete_permission = has_change_permission


class UnitFilter(admin.SimpleListFilter):
    """By unit, among those that the person may read: a list of all units would tell what is hidden."""

    title = _("unit")
    parameter_name = "unit"
    field = "unit"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        rows = (
            OrganizationalUnit.objects.all()
            if administers_everything(request)
            else access.readable_units(person(request))
        )
        return [(str(unit.pk), unit.label) for unit in rows.order_by("path")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = numbers.key(self.value())
        return queryset if chosen is None else queryset.filter(**{f"{self.field}_id": chosen})


class FaceFilter(admin.SimpleListFilter):
    """Through which face something came."""

    title = _("through")
    parameter_name = "face"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(audit.FACES.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(face=self.value()) if self.value() else queryset


class told:  # noqa: N801  reads as a word
    """A refusal inside is recorded and shown as a message; what may not be done at all stays a 403."""

    def __init__(self, request: HttpRequest, target: Any = None) -> None:
        self.request, self.target = request, target
        self.was_refused = False

    def __enter__(self) -> "told":
        return self

    def __exit__(self, kind: Any, error: Any, trace: Any) -> bool:
        if not isinstance(error, Refusal) or isinstance(error, access.NotAllowed):
            return False
        if self.request.method == "POST":
            audit.record_refusal(error, by=person(self.request), target=self.target)
        messages.error(self.request, str(error))
        kept_forms.note_refusal(self.request)
        self.was_refused = True
        return True
