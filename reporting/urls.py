from django.urls import path

from reporting import reader_pages, summary_views, views
from reporting.retention import pages as retention

app_name = "reporting"
urlpatterns = [
    path("deliveries/<int:pk>/deployment/", views.block, name="block"),
    path("deliveries/<int:pk>/deployment/window/", views.window, name="window"),
    path("deliveries/<int:pk>/deployment/window/<slug:tab>/", views.window, name="window"),
    path("deliveries/<int:pk>/deployment/window/<slug:tab>/export/", views.export, name="export"),
    path("deliveries/<int:pk>/deployment/click-map/frame/", views.click_map, name="click-map"),
    path("deliveries/<int:pk>/deployment/summary/", summary_views.page, name="summary"),
    path("deliveries/<int:pk>/deployment/summary/export/", summary_views.export, name="summary-export"),
    path("deliveries/<int:pk>/deployment/unknown/decide/", views.decide, name="decide"),
    path("deliveries/<int:pk>/deployment/messages/<int:seq>/", views.message, name="message"),
    path("deliveries/<int:pk>/deployment/messages/<int:seq>/frame/", views.frame, name="frame"),
    path(
        "deliveries/<int:pk>/deployment/messages/<int:seq>/reports/<int:report_id>/",
        views.report,
        name="report",
    ),
    path("deliveries/<int:pk>/deployment/reconcile/", views.reconcile, name="reconcile"),
    path("deliveries/<int:pk>/deployment/compute-stats/", views.compute_stats, name="compute-stats"),
    path("deliveries/<int:pk>/deployment/compute-stats/last/", views.last_run, name="last-run"),
    path("deliveries/<int:pk>/deployment/reclassify/", reader_pages.reclassify, name="reclassify-hits"),
    path(
        "deliveries/<int:pk>/deployment/reclassify/<int:run_id>/apply/",
        reader_pages.apply,
        name="reclassify-hits-apply",
    ),
    path("units/<int:pk>/retention/", retention.of_unit, name="unit-retention"),
    path("units/<int:pk>/retention/hold/", retention.hold_unit, name="unit-hold"),
    path("units/<int:pk>/retention/lift/", retention.lift_unit, name="unit-lift"),
    path("deliveries/<int:pk>/retention/", retention.of_delivery, name="delivery-retention"),
    path("deliveries/<int:pk>/retention/hold/", retention.hold_delivery, name="delivery-hold"),
    path("deliveries/<int:pk>/retention/lift/", retention.lift_delivery, name="delivery-lift"),
    path("profiles/<int:profile_id>/history/", views.profile_history, name="profile_history"),
]
