"""Where everything is mounted."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("admin/", admin.site.urls),
    path("", include("accounts.urls")),
    path("", include("audiences.urls")),
    path("", include("deliveries.urls")),
    path("", include("feedback.urls")),
    path("", include("reporting.urls")),
]
