"""The operators' desk on how mail leaves: the routes."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils import timezone
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.decorators import display
from unfold.widgets import UnfoldAdminTextInputWidget

from accounts.desk import VerbAdmin, VerbForm, person
from deliveries.channels.dkim import UnusableKey
from deliveries.models import ProviderLimit, Route
from deliveries.operations import route_settings
from deliveries.routing import signing


class RouteForm(VerbForm):
    class Meta:
        model = Route
        fields = [
            "label", "is_default", "host", "port", "tls", "username", "password_variable", "auth_in_clear",
            "ca_file", "connections", "messages_per_connection", "limit_per_hour", "return_path_domain", "dkim_domain",
            "dkim_selector", "dkim_key_variable", "dkim_key_file",
        ]  # fmt: skip

    def apply(self) -> Route:
        route = self.fresh if self.instance.pk else Route()
        return route_settings.save_route(route=route, by=self.by, **self.cleaned_data)


@admin.register(Route)
class RouteAdmin(VerbAdmin):
    """Relays. A route that messages left by is never deleted."""

    form = RouteForm
    under_unit = False
    list_display = [
        "label",
        "is_default",
        "host",
        "port",
        "tls",
        "connections",
        "limit_per_hour",
        "dkim_domain",
        "rests",
    ]
    readonly_fields = ["dns_record"]
    fieldsets = [
        (None, {"fields": ["label", "is_default"]}),
        (
            _("Relay"),
            {
                "description": _("Without a host it is the relay of RELAY_URL."),
                "fields": [
                    "host", "port", "tls", "ca_file", "username", "password_variable", "auth_in_clear",
                    "connections", "messages_per_connection", "limit_per_hour", "return_path_domain",
                ],
            },
        ),
        (
            _("Signature (DKIM)"),
            {"fields": ["dkim_domain", "dkim_selector", "dkim_key_variable", "dkim_key_file", "dns_record"]},
        ),
    ]  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        """Show whether this process could sign by the route; the form's verb has saved it already."""
        if obj.dkim_domain:
            try:
                signing.signer_of(obj)
            except UnusableKey as problem:
                messages.warning(request, str(problem))

    @display(description=_("DNS record to publish"))
    def dns_record(self, route: Route) -> str:
        try:
            record = signing.record_of(route)
        except UnusableKey as problem:
            return str(problem)
        if record is None:
            return _("None: the route signs nothing.")
        return format_html(
            '<dl style="overflow-wrap: anywhere"><dt><strong>{}</strong></dt><dd><code>{}</code></dd>'
            "<dt><strong>{}</strong></dt><dd>TXT</dd><dt><strong>{}</strong></dt><dd><code>{}</code></dd></dl>",
            _("Name"), record.name, _("Type"), _("Value"), record.value,
        )  # fmt: skip

    @display(description=_("state"), label={"rests": "danger", "open": "success"})
    def rests(self, route: Route) -> tuple[str, Any]:
        if route.closed_until is not None and route.closed_until > timezone.now():
            return "rests", _("rests: %(reason)s") % {"reason": route.closed_because}
        return "open", _("open")


class ProviderLimitForm(VerbForm):
    domain_names = forms.CharField(
        label=_("Domains"),
        widget=UnfoldAdminTextInputWidget,
        help_text=_("Of its addresses, with spaces or commas between: gmail.com googlemail.com"),
    )

    class Meta:
        model = ProviderLimit
        fields = ["route", "name", "limit_per_hour"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["domain_names"] = " ".join(self.instance.domains or [])
        if self.instance.pk:
            # Recipients queue by route: for another route, make another limit.
            self.fields["route"].disabled = True

    def apply(self) -> ProviderLimit:
        typed = self.cleaned_data
        return route_settings.save_provider_limit(
            limit=self.fresh if self.instance.pk else ProviderLimit(route=typed["route"]),
            by=self.by,
            name=typed["name"],
            domains=typed["domain_names"].replace(",", " ").split(),
            limit_per_hour=typed["limit_per_hour"],
        )


@admin.register(ProviderLimit)
class ProviderLimitAdmin(VerbAdmin):
    """How much a mailbox provider gets by a route. Each limit is saved by one verb, with one audit event."""

    form = ProviderLimitForm
    under_unit = False
    list_display = ["name", "route", "limit_per_hour", "domains_listed"]
    list_select_related = ["route"]
    list_filter = ["route"]
    fields = ["route", "name", "domain_names", "limit_per_hour"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return self.has_view_permission(request)

    def delete_model(self, request: HttpRequest, obj: ProviderLimit) -> None:
        route_settings.remove_provider_limit(limit=obj, by=person(request))

    @display(description=_("domains"))
    def domains_listed(self, limit: ProviderLimit) -> str:
        return ", ".join(limit.domains)
