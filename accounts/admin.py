"""The operators' desk: people, units, roles, the audit trail."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth import admin as _auth_admin  # noqa: F401  registers first what is unregistered here
from django.contrib.auth.models import Group
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminPasswordWidget

from accounts import access, people, units
from accounts.desk import DeskAdmin, UnitFilter, VerbAdmin, VerbForm, anywhere, person
from accounts.models import AuditEvent, OrganizationalUnit, Role, RoleGrant, User
from accounts.rights import LABELS, Right

admin.site.unregister(Group)  # Sinete gives rights to people, through roles


# -- units ----------------------------------------------------------------------------------------------


class UnitForm(VerbForm):
    class Meta:
        model = OrganizationalUnit
        fields = ["label", "parent", "approval_policy", "grace_seconds"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "parent" not in self.fields:
            return
        is_root = bool(self.instance.pk) and self.instance.parent_id is None
        self.fields["parent"].required = not is_root
        choices = access.units(self.by, Right.ADMINISTER)
        self.fields["parent"].queryset = (
            choices.exclude(path__startswith=self.instance.path) if self.instance.pk else choices
        )

    def apply(self) -> OrganizationalUnit:
        data = self.cleaned_data
        if not self.instance.pk:
            return units.create_unit(
                label=data["label"],
                parent=data["parent"],
                approval_policy=data["approval_policy"],
                grace_seconds=data["grace_seconds"],
                by=self.by,
            )
        unit = units.change_unit(
            unit=self.fresh,
            label=data["label"],
            approval_policy=data["approval_policy"],
            grace_seconds=data["grace_seconds"],
            by=self.by,
        )
        parent = data["parent"]
        if parent is not None and parent.pk != unit.parent_id:
            unit = units.move_unit(unit=unit, parent=parent, by=self.by)
        return unit


@admin.register(OrganizationalUnit)
class UnitAdmin(VerbAdmin):
    """The tree. A unit is moved and renamed, never deleted: what hangs under it must stay."""

    form = UnitForm
    list_display = ["place", "approval_policy", "grace_seconds", "people_in_it"]
    search_fields = ["label"]
    ordering = ["path"]

    def get_queryset(self, request: HttpRequest) -> QuerySet[Any]:
        mine = access.units(person(request), Right.ADMINISTER)
        return mine.annotate(people=Count("role_grants__user", distinct=True)).order_by("path")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return Right.ADMINISTER in anywhere(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request, obj)

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
        help_text=_("Leave it empty to keep the one there is."),
    )

    class Meta:
        model = User
        fields = [*people.FIELDS]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "home_unit" in self.fields:
            self.fields["home_unit"].queryset = access.units(self.by, Right.ADMINISTER)
        if not self.instance.pk:
            self.fields["new_password"].required = True
            self.fields["new_password"].label = _("Password")
            self.fields["new_password"].help_text = ""
            self.fields["home_unit"].required = True

    def apply(self) -> User:
        data = dict(self.cleaned_data)
        password = data.pop("new_password")
        if not self.instance.pk:
            return people.create_user(password=password, by=self.by, **data)
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
        (_("Access"), {"fields": ["is_active", "is_staff", "is_superuser", "roles", "last_login"]}),
    ]
    readonly_fields = ["roles", "last_login"]

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
        return ", ".join(f"{grant.role} – {grant.unit}" for grant in user.role_grants.all()) or "–"


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
    list_display = ["user", "role", "unit", "granted_by", "granted_at"]
    list_filter = ["role", UnitFilter]
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

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return Right.ADMINISTER in anywhere(request)

    @display(description=_("description"))
    def says(self, role: Role) -> str:
        return str(_(role.description)) if role.description else ""

    @display(description=_("rights"))
    def means(self, role: Role) -> str:
        return ", ".join(str(LABELS[Right(right)]) for right in role.rights)


# -- the trail ------------------------------------------------------------------------------------------


@admin.register(AuditEvent)
class AuditEventAdmin(DeskAdmin):
    """Who did what through which face, and who was refused what. To read."""

    under_unit = False
    list_display = ["at", "actor_name", "action", "outcome", "target_label", "face", "os_user"]
    list_filter = ["refused", "face", "action"]
    list_select_related = ["actor"]
    search_fields = ["actor_name", "action", "target_label"]
    date_hierarchy = "at"

    @display(description=_("outcome"), label={"refused": "danger", "done": "success"})
    def outcome(self, event: AuditEvent) -> tuple[str, str]:
        return ("refused", _("refused")) if event.refused else ("done", _("done"))
