"""The operators' desk as a whole: its side bar, the queues and their failed jobs."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.contrib import admin
from django.core.exceptions import ImproperlyConfigured, PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.urls import URLPattern, reverse
from django.utils.translation import gettext_lazy as _
from django_rq import stats_views
from django_rq.models import Dashboard
from django_rq.queues import get_queue_by_index
from django_rq.settings import get_queues_list
from django_rq.urls import get_admin_urlpatterns, get_api_urlpatterns
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.job import Job

from accounts import audit
from accounts.desk import DeskAdmin, administers_everything, person


@admin.register(Dashboard)
class QueuesAdmin(DeskAdmin):
    """django-rq's own pages, for those who administer everything; what is done there is recorded."""

    under_unit = False

    def changelist_view(
        self, request: HttpRequest, extra_context: dict[str, Any] | None = None
    ) -> HttpResponse:
        return self._guarded(stats_views.stats)(request)

    def get_urls(self) -> list[URLPattern]:
        figures = get_api_urlpatterns(name_prefix="django_rq_")
        for pattern in figures:  # the page's own figures; without a token of theirs
            pattern.callback = self._guarded(pattern.callback)
        return [
            *figures,
            *get_admin_urlpatterns(name_prefix="django_rq_", view_wrapper=self._guarded),
            # There is a list of queues, and no table behind it that has rows to open.
            *(pattern for pattern in super().get_urls() if str(pattern.name).endswith("_changelist")),
        ]

    def _guarded(self, view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
        @wraps(view)
        def guarded(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            request.current_app = self.admin_site.name
            return self.admin_site.admin_view(only_administrators(view))(request, *args, **kwargs)

        return guarded


def only_administrators(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Return the view for those who administer everything; a post leaves an audit event either way.

    It raises PermissionDenied for others, and Http404 where the address names no queue, job or page.
    """

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        is_allowed = administers_everything(request)
        if request.method == "POST":
            audit.record("queues", by=person(request), refused=not is_allowed, path=request.path[:200])
        if not is_allowed:
            raise PermissionDenied
        try:
            return view(request, *args, **kwargs)
        except (
            Http404,
            AssertionError,  # there is no such worker any more
            LookupError,
            ValueError,
            ImproperlyConfigured,
            NoSuchJobError,
            InvalidJobOperation,
        ) as error:
            if request.method == "GET" and (torn := _torn(request, error, **kwargs)):
                return torn
            # These pages take a queue's number, a job and a page as they come: one that isn't there is no page.
            raise Http404 from error

    return checked


def _torn(
    request: HttpRequest, error: Exception, *, queue_index: int = -1, job_id: str = "", **_more: Any
) -> HttpResponse | None:
    """Say of a job that is there and can't be read that this is so; None where there is none."""
    queues = get_queues_list()
    if not job_id or not 0 <= queue_index < len(queues):
        return None
    queue = get_queue_by_index(queue_index)
    if not queue.connection.exists(Job.key_for(job_id)):
        return None
    context = {
        **admin.site.each_context(request),
        "queue": queue, "queue_index": queue_index, "job_id": job_id, "reason": str(error)[:300],
    }  # fmt: skip
    return render(request, "django_rq/unreadable.html", context)


def desk_css(request: HttpRequest) -> str:
    """What the desk's own style sheet leaves bare."""
    return static("campaign/desk.css")


def zone_script(request: HttpRequest) -> str:
    """Tells the server in which time zone the browser is."""
    return static("campaign/zone.js")


def desk_script(request: HttpRequest) -> str:
    """Names what the desk's packages leave without a name."""
    return static("campaign/desk.js")


_RETENTION = (
    ("deliveries", "retentionperiod", _("Retention periods"), "auto_delete"),
    ("deliveries", "legalhold", _("Legal holds"), "gavel"),
    ("deliveries", "purge", _("Rows that are gone"), "delete_history"),
)


GROUPS = [
    (_("Deliveries"), [
        ("deliveries", "delivery", _("Deliveries"), "outgoing_mail"),
        ("deliveries", "series", _("Recurring deliveries"), "autorenew"),
        ("deliveries", "folder", _("Folders"), "folder_open"),
        ("deliveries", "occurrence", _("Runs"), "event_repeat"),
        ("deliveries", "notice", _("Notices"), "notifications"),
        ("alerts", "alert", _("Alerts"), "notification_important"),
        ("alerts", "alertchoice", _("Choices of alerts"), "tune"),
        ("deliveries", "preparation", _("Preparations"), "fact_check"),
        ("deliveries", "statuschange", _("Status changes"), "history"),
        ("reporting", "deliverystatistics", _("Statistics"), "monitoring"),
        ("reporting", "scheduledreport", _("Scheduled reports"), "schedule_send"),
        ("reporting", "reportmail", _("Mails of scheduled reports"), "mark_email_read"),
        ("reporting", "statisticsrun", _("Recounts"), "calculate"),
        ("reporting", "fold", _("Hourly counts"), "published_with_changes"),
        ("reporting", "hitreclassification", _("Re-classifications of hits"), "person_search"),
        ("reporting", "logfilter", _("Saved filters"), "filter_alt"),
    ]),
    (_("People to write to"), [
        ("audiences", "profile", _("Profiles"), "person"),
        ("audiences", "audience", _("Audiences"), "groups"),
        ("audiences", "service", _("Services"), "newspaper"),
        ("audiences", "testprofile", _("Test profiles"), "science"),
        ("audiences", "import", _("Imports"), "upload_file"),
        ("audiences", "importmapping", _("Saved mappings"), "bookmark"),
        ("audiences", "attribute", _("Attributes"), "label"),
        ("audiences", "consentevent", _("Consent events"), "how_to_reg"),
        ("audiences", "consentdoubt", _("Unclear consents"), "help"),
        ("audiences", "addressoptout", _("Opted-out addresses"), "unsubscribe"),
        ("audiences", "quarantine", _("Quarantine"), "block"),
        ("reporting", "personexport", _("Exports of personal data"), "folder_zip"),
        ("audiences", "erasure", _("Erasures"), "person_cancel"),
        ("audiences", "mailexchange", _("Mail exchanges"), "dns"),
    ]),
    (_("Access"), [
        ("accounts", "user", _("Users"), "badge"),
        ("accounts", "rolegrant", _("Roles in units"), "key"),
        ("deliveries", "deliveryuserpermission", _("Rights on deliveries"), "lock_person"),
        ("accounts", "organizationalunit", _("Units"), "account_tree"),
        ("accounts", "role", _("Roles"), "workspace_premium"),
        ("accounts", "auditevent", _("Audit trail"), "policy"),
        *_RETENTION,
    ]),
    (_("Machinery"), [
        ("deliveries", "route", _("Routes"), "alt_route"),
        ("deliveries", "providerlimit", _("Limits of mailbox providers"), "speed"),
        ("deliveries", "sender", _("Senders"), "alternate_email"),
        ("deliveries", "dnsanswer", _("DNS answers"), "dns"),
        ("deliveries", "instance", _("This instance"), "home_pin"),
        ("deliveries", "halt", _("Stops of all sending"), "front_hand"),
        ("alerts", "alertlimits", _("Limits of alerts"), "crisis_alert"),
        ("alerts", "webhook", _("Webhooks"), "cable"),
        ("alerts", "webhookmessage", _("Messages to webhooks"), "outbound"),
        ("feedback", "mailsource", _("Mail sources"), "mark_email_unread"),
        ("feedback", "report", _("Reports by mail"), "assignment_return"),
        ("feedback", "reclassification", _("Re-classifications"), "rule"),
        ("django_rq", "dashboard", _("Queues and failed jobs"), "stacks"),
    ]),
]  # fmt: skip


def navigation(request: HttpRequest) -> list[dict[str, Any]]:
    """The side bar: only what this person may open."""
    desks = {
        (model._meta.app_label, model._meta.model_name): desk for model, desk in admin.site._registry.items()
    }
    may_open = {name for name, desk in desks.items() if desk.has_view_permission(request)}
    index = reverse("admin:index")
    return [
        {
            "title": title,
            "separator": True,
            "items": [_item(index, *entry) for entry in entries if entry[:2] in may_open],
        }
        for title, entries in GROUPS
    ]


def _item(index: str, app: str, model: str, title: Any, icon: str) -> dict[str, Any]:
    # Django's desk has each list under its app; to look each up by its name took a tenth of a page.
    return {"title": title, "icon": icon, "link": f"{index}{app}/{model}/"}
