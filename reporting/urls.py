from django.urls import path

from reporting.persons import erasing_pages
from reporting.persons import export_views as person_exports
from reporting.persons import views as persons
from reporting.reports import pages as report_pages
from reporting.reports import summary_views
from reporting.retention import pages as retention
from reporting.scheduled import pages as schedule_pages
from reporting.views import deployment, log_pages, reader_pages

app_name = "reporting"
urlpatterns = [
    path("deliveries/<int:pk>/deployment/", deployment.block, name="block"),
    path("deliveries/<int:pk>/deployment/window/", deployment.window, name="window"),
    path("deliveries/<int:pk>/deployment/window/<slug:tab>/", deployment.window, name="window"),
    path("deliveries/<int:pk>/deployment/window/<slug:tab>/export/", log_pages.export, name="export"),
    path(
        "deliveries/<int:pk>/deployment/window/<slug:tab>/columns/", log_pages.choose_columns, name="columns"
    ),
    path(
        "deliveries/<int:pk>/deployment/window/<slug:tab>/filters/", log_pages.save_filter, name="save-filter"
    ),
    path(
        "deliveries/<int:pk>/deployment/window/<slug:tab>/filters/remove/",
        log_pages.remove_filter,
        name="remove-filter",
    ),
    path("exports/<slug:token>/progress/", log_pages.progress, name="export-progress"),
    path("deliveries/<int:pk>/deployment/click-map/frame/", deployment.click_map, name="click-map"),
    path("deliveries/<int:pk>/deployment/summary/", summary_views.page, name="summary"),
    path("deliveries/<int:pk>/deployment/summary/export/", summary_views.export, name="summary-export"),
    path("deliveries/<int:pk>/deployment/unknown/decide/", deployment.decide, name="decide"),
    path("deliveries/<int:pk>/deployment/messages/<int:seq>/", deployment.message, name="message"),
    path("deliveries/<int:pk>/deployment/messages/<int:seq>/frame/", deployment.frame, name="frame"),
    path(
        "deliveries/<int:pk>/deployment/messages/<int:seq>/reports/<int:report_id>/",
        deployment.report,
        name="report",
    ),
    path("deliveries/<int:pk>/deployment/reconcile/", deployment.reconcile, name="reconcile"),
    path("deliveries/<int:pk>/deployment/compute-stats/", deployment.compute_stats, name="compute-stats"),
    path("deliveries/<int:pk>/deployment/compute-stats/last/", deployment.last_run, name="last-run"),
    path("deliveries/<int:pk>/deployment/reclassify/", reader_pages.reclassify, name="reclassify-hits"),
    path(
        "deliveries/<int:pk>/deployment/reclassify/<int:run_id>/apply/",
        reader_pages.apply,
        name="reclassify-hits-apply",
    ),
    path("reports/", report_pages.listing, name="reports"),
    path("reports/scheduled/", schedule_pages.listing, name="scheduled"),
    path("reports/scheduled/<int:pk>/", schedule_pages.edit, name="scheduled-edit"),
    path("reports/scheduled/<int:pk>/delete/", schedule_pages.delete, name="scheduled-delete"),
    path("reports/scheduled/<int:pk>/leave/", schedule_pages.leave, name="scheduled-leave"),
    path("reports/<slug:code>/", report_pages.report, name="report-on"),
    path("reports/<slug:code>/export/", report_pages.export, name="report-export"),
    path("reports/<slug:code>/schedule/", schedule_pages.create, name="scheduled-create"),
    path("profiles/<int:profile_id>/history/", persons.history, name="profile_history"),
    path("profiles/<int:profile_id>/export/", person_exports.export, name="person-export"),
    path(
        "profiles/<int:profile_id>/export/<int:export_id>/download/",
        person_exports.download,
        name="person-download",
    ),
    path(
        "profiles/<int:profile_id>/export/<int:export_id>/remove/",
        person_exports.withdraw,
        name="person-export-withdraw",
    ),
    path("profiles/<int:profile_id>/erase/", erasing_pages.erase, name="erase-person"),
    path("erasures/", erasing_pages.listing, name="erasures"),
    path("erasures/new/", erasing_pages.erase_address, name="erase-address"),
    path("units/<int:pk>/retention/", retention.of_unit, name="unit-retention"),
    path("units/<int:pk>/retention/hold/", retention.hold_unit, name="unit-hold"),
    path("units/<int:pk>/retention/lift/", retention.lift_unit, name="unit-lift"),
    path("deliveries/<int:pk>/retention/", retention.of_delivery, name="delivery-retention"),
    path("deliveries/<int:pk>/retention/hold/", retention.hold_delivery, name="delivery-hold"),
    path("deliveries/<int:pk>/retention/lift/", retention.lift_delivery, name="delivery-lift"),
]
