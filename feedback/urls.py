from django.urls import path

from feedback import incoming_pages, public_urls

app_name = "feedback"
urlpatterns = [
    path("incoming/", incoming_pages.listing, name="incoming"),
    path("incoming/reclassify/", incoming_pages.reclassify, name="reclassify"),
    path("incoming/reclassify/<int:pk>/<slug:step>/", incoming_pages.reclassify_step, name="reclassify-step"),
    path("incoming/<int:pk>/", incoming_pages.mail, name="incoming-mail"),
    path("incoming/sources/<int:pk>/check/", incoming_pages.check, name="incoming-check"),
    *public_urls.urlpatterns,
]
