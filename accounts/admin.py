"""The operators' desk: people, units, roles, the audit trail."""

from operator import itemgetter
from typing import Any

from allauth.account import admin as _allauth_admin  # noqa: F401  registers first what is unregistered here
from allauth.account.models import EmailAddress
from django import forms
from django.contrib import admin, messages
from django.contrib.auth import admin as _auth_admin  # noqa: F401  registers first what is unregistered here
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import URLPattern, path
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget, UnfoldAdminTextareaWidget

from accounts import access, audit, audit_words
from accounts.access import hands
from accounts.desk import DeskAdmin, FaceFilter, UnitFilter, VerbAdmin, VerbForm, anywhere, person, told
from accounts.models import AuditEvent, OrganizationalUnit, Role, RoleGrant, User
from accounts.people import people
from accounts.rights import LABELS, Right
from accounts.units.unit_form import UnitForm
from campaign.lib.link_parameter_fields import LinkDomainsField, LinkParametersField

admin.site.unregister(Group)  # Sinete gives rights to people, through roles
admin.site.unregister(EmailAddress)  # an address is shown to be somebody's by a link alone


# -- units ----------------------------------------------------------------------------------------------


class DeskUnitForm(UnitForm):
    proof_list = forms.CharField(
        label=UnitForm.base_fields["proof_list"].label,
        required=False,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
        help_text=UnitForm.base_fields["proof_list"].help_text,
    )
    link_parameters = LinkParametersField(
        help_text=UnitForm.base_fields["link_parameters"].help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 4}),
    )
    link_domains = LinkDomainsField(
        help_text=UnitForm.base_fields["link_domains"].help_text,
        widget=UnfoldAdminTextareaWidget(attrs={"rows": 3}),
    )


@admin.register(OrganizationalUnit)
class UnitAdmin(VerbAdmin):
    """The tree. A unit is moved and renamed, never deleted: what hangs under it must stay."""

    form = DeskUnitForm
    fields = [
        "label", "parent", "approval_policy", "grace_seconds", "one_administrator_is_enough", "proof_list",
        "link_parameters", "link_domains", "tracking_unasked", "seen",
    ]  # fmt: skip
    list_display = ["place", "approval_policy", "grace_seconds", "administrators", "people_in_it"]
    search_fields = ["label"]
    ordering = ["path"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = access.units(person(request), Right.ADMINISTER)
        return mine.annotate(people=Count("role_grants__user", distinct=True)).order_by("path")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.ADMINISTER in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def get_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        """Of a unit that is not there yet nobody knows how many administer it."""
        names = list(super().get_fields(request, obj))
        return names if obj else [name for name in names if name != "one_administrator_is_enough"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """The verb has done it; what it meant for deliveries, and that one is enough, is said aloud."""
        if obj.affected:
            messages.info(request, str(obj.affected))
        if obj.one_administrator_is_enough:
            messages.warning(request, str(people.ONE_IS_ENOUGH) % {"unit": obj})

    @display(description=_("administrators"), label={"one": "danger"})
    def administrators(self, unit: OrganizationalUnit) -> tuple[str, Any]:
        return ("one", _("one is enough")) if unit.one_administrator_is_enough else ("", "–")

    @display(description=_("unit"), ordering="path")
    def place(self, unit: OrganizationalUnit) -> str:
        return "\u2003" * (len(unit.lineage) - 1) + unit.label

    @display(description=_("people with a role here"), ordering="people")
    def people_in_it(self, unit: Any) -> int:
        return unit.people


# -- people ---------------------------------------------------------------------------------------------


class UserForm(VerbForm):
    new_password = forms.CharField(
        label=_("New password"),
        required=False,
        strip=False,
        widget=UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"}),
        help_text=_(
            "Leave it empty to keep the one there is. Whoever gets one has to change it, is told by mail, and neither "
            "starts nor approves until another administrator gives that back."
        ),
    )

    class Meta:
        model = User
        fields = [*people.FIELDS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "home_unit" in self.fields:
            self.fields["home_unit"].queryset = access.units(self.by, Right.ADMINISTER)
        if not self.instance.pk:
            self.fields["new_password"].label = _("Password")
            self.fields["new_password"].help_text = _(
                "Better left empty: a link goes to the mail address, and the person chooses one that nobody else knows."
            )
            self.fields["home_unit"].required = True

    def apply(self) -> User:
        data = dict(self.cleaned_data)
        password = data.pop("new_password")
        if not self.instance.pk:
            return people.create_user(password=password or None, by=self.by, **data)
        user = people.change_user(user=self.instance, by=self.by, **data)
        if password:
            people.set_password(user=user, password=password, by=self.by)
        return User.objects.get(pk=user.pk)


class HomeFilter(UnitFilter):
    title = _("home unit")
    parameter_name = field = "home_unit"


@admin.register(User)
class UserAdmin(VerbAdmin):
    """People. Nobody is deleted, because the trail names them: an account is closed by *active*."""

    form = UserForm
    under_unit = False
    list_display = ["username", "full_name", "home_unit", "roles", "is_active", "is_staff", "is_superuser"]
    list_filter = ["is_active", "is_staff", "is_superuser", HomeFilter]
    list_select_related = ["home_unit"]
    search_fields = ["username", "first_name", "last_name", "email"]
    ordering = ["username"]
    fieldsets = [
        (None, {"fields": ["username", ("first_name", "last_name"), "email", "home_unit", "new_password"]}),
        (
            _("Access"),
            {"fields": ["is_active", "is_staff", "is_superuser", "roles", "in_hands_of", "last_login"]},
        ),
    ]
    readonly_fields = ["roles", "in_hands_of", "last_login"]
    change_form_outer_before_template = "admin/accounts/user/_hands.html"

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        return [
            path(
                "<int:pk>/give-back/", view(require_POST(self.give_back_view)), name="accounts_user_give_back"
            ),
            path("<int:pk>/invite/", view(require_POST(self.invite_view)), name="accounts_user_invite"),
            *super().get_urls(),
        ]

    def give_back_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The account is its owner's, says an administrator who depends on nobody that had it in hand."""
        user = self._row(request, pk)
        with told(request, user):
            people.give_back(user=user, by=person(request))
            messages.success(
                request, _t("“%(user)s” starts and approves again, as the roles say.") % {"user": user}
            )
        return redirect("admin:accounts_user_change", pk)

    def invite_view(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Another link to choose a password is on its way."""
        user = self._row(request, pk)
        with told(request, user):
            people.invite(user=user, by=person(request))
            messages.success(request, _t("A link is on its way to %(address)s.") % {"address": user.email})
        return redirect("admin:accounts_user_change", pk)

    def _row(self, request: HttpRequest, pk: int) -> User:
        found = self.get_queryset(request).filter(pk=pk).first()
        if found is None or not self.has_change_permission(request, found):
            raise Http404
        return found

    def render_change_form(
        self, request: HttpRequest, context: dict[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        user = kwargs.get("obj")
        context["held_by"] = hands.holders(user) if user else []
        context["is_invited"] = bool(user and user.email and not user.has_usable_password())
        return super().render_change_form(request, context, *args, **kwargs)

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.ADMINISTER in anywhere(request)

    has_add_permission = has_view_permission

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        mine = access.people(person(request)).order_by("username")
        return mine.prefetch_related("role_grants__role", "role_grants__unit")

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> list[str]:
        flags = [] if person(request).is_superuser else [*people.OF_SUPERUSERS]
        return [*self.readonly_fields, *flags]

    @display(description=_("name"), ordering="first_name")
    def full_name(self, user: User) -> str:
        return user.get_full_name()

    @display(description=_("roles"))
    def roles(self, user: User) -> str:
        return ", ".join(_in_words(grant) for grant in user.role_grants.all()) or "–"

    @display(description=_("in the hands of"))
    def in_hands_of(self, user: User) -> str:
        rows = user.hands.select_related("holder").order_by("at")
        return ", ".join(f"{row.holder} ({row.get_how_display()})" for row in rows) or "–"


def _in_words(grant: RoleGrant) -> str:
    words = f"{grant.role} – {grant.unit}"
    return words + " " + _t("(Start and Approve are withheld)") if grant.withheld else words


class GrantForm(VerbForm):
    class Meta:
        model = RoleGrant
        fields = ["user", "role", "unit"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "unit" not in self.fields:
            return
        self.fields["unit"].queryset = access.units(self.by, Right.ADMINISTER)
        self.fields["user"].queryset = access.people(self.by)

    def apply(self) -> RoleGrant:
        data = self.cleaned_data
        return access.grant(user=data["user"], role=data["role"], unit=data["unit"], by=self.by)


@admin.register(RoleGrant)
class RoleGrantAdmin(VerbAdmin):
    """Who holds which role where. A grant is given or taken back, never changed."""

    form = GrantForm
    list_display = ["user", "role", "unit", "granted_by", "granted_at", "withheld"]
    list_filter = ["role", "withheld", UnitFilter]
    list_select_related = ["user", "role", "unit", "granted_by"]
    search_fields = ["user__username", "user__first_name", "user__last_name"]
    autocomplete_fields = ["user"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.ADMINISTER in anywhere(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

    def delete_model(self, request: HttpRequest, obj: RoleGrant) -> None:
        access.revoke(grant=obj, by=person(request))


@admin.register(Role)
class RoleAdmin(DeskAdmin):
    """The roles that ship, to read: `accounts.roles` says what they are."""

    under_unit = False
    list_display = ["__str__", "says", "means"]
    fields = ["code", "label", "says", "means"]
    readonly_fields = ["says", "means"]

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.ADMINISTER in anywhere(request)

    @display(description=_("description"))
    def says(self, role: Role) -> str:
        return str(_(role.description)) if role.description else ""

    @display(description=_("rights"))
    def means(self, role: Role) -> str:
        return "; ".join(str(LABELS[Right(right)]) for right in role.rights)


# -- the trail ------------------------------------------------------------------------------------------


class ActionFilter(admin.SimpleListFilter):
    """What was done, in words."""

    title = _("action")
    parameter_name = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return sorted(((code, str(words)) for code, words in audit_words.ACTIONS.items()), key=itemgetter(1))

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(action=self.value()) if self.value() else queryset


@admin.register(AuditEvent)
class AuditEventAdmin(DeskAdmin):
    """Who did what through which face, and who was refused what. To read."""

    under_unit = False
    list_display = ["at", "actor_name", "done", "outcome", "target_label", "through", "os_user"]
    list_filter = ["refused", FaceFilter, ActionFilter]
    list_select_related = ["actor"]
    search_fields = ["actor_name", "action", "target_label"]
    date_hierarchy = "at"
    fields = [
        "at", "actor_name", "os_user", "through", "done", "code", "refused", "target_label", "row", "detail",
    ]  # fmt: skip
    readonly_fields = ["through", "done", "code", "row"]

    @display(description=_("action"), ordering="action")
    def done(self, event: AuditEvent) -> str:
        return audit_words.in_words(event.action)

    @display(description=_("code"))
    def code(self, event: AuditEvent) -> str:
        return event.action

    @display(description=_("row"))
    def row(self, event: AuditEvent) -> str:
        return f"{event.target_type} {event.target_id}".strip() or "–"

    @display(description=_("through"), ordering="face")
    def through(self, event: AuditEvent) -> str:
        return audit.face_in_words(event.face)

    @display(description=_("outcome"), label={"refused": "danger", "done": "success"})
    def outcome(self, event: AuditEvent) -> tuple[str, str]:
        return ("refused", _("refused")) if event.refused else ("done", _("done"))
