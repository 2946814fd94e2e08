from django.urls import path

from alerts.views import alerts, units, webhooks

app_name = "alerts"
urlpatterns = [
    path("alerts/", alerts.listing, name="list"),
    path("alerts/seen/", alerts.seen, name="seen"),
    path("alerts/choices/", alerts.choose, name="choices"),
    path("units/<int:pk>/alerts/", units.limits, name="unit"),
    path("units/<int:pk>/webhooks/new/", webhooks.create, name="webhook-create"),
    path("webhooks/<int:pk>/", webhooks.one, name="webhook"),
    path("webhooks/<int:pk>/test/", webhooks.test, name="webhook-test"),
    path("webhooks/<int:pk>/rotate/", webhooks.rotate, name="webhook-rotate"),
    path("webhooks/<int:pk>/remove/", webhooks.remove, name="webhook-remove"),
]
