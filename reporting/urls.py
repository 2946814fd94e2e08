from django.urls import path

from reporting import reader_pages, summary_views, views
from reporting.persons import erasing_pages

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
    path("profiles/<int:profile_id>/history/", views.profile_history, name="profile_history"),
    path("profiles/<int:profile_id>/erase/", erasing_pages.erase, name="erase-person"),
    path("erasures/", erasing_pages.listing, name="erasures"),
    path("erasures/new/", erasing_pages.erase_address, name="erase-address"),
]
