"""Where everything is mounted."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("accounts.urls")),  # first: its doors are the desk's too
    path("admin/", admin.site.urls),
    path("", include("audiences.urls")),
    path("", include("deliveries.urls")),
    path("", include("feedback.urls")),
    path("", include("reporting.urls")),
]
