from django.urls import path, re_path

from feedback import incoming_pages, views

app_name = "feedback"
urlpatterns = [
    path("incoming/", incoming_pages.listing, name="incoming"),
    path("incoming/reclassify/", incoming_pages.reclassify, name="reclassify"),
    path("incoming/reclassify/<int:pk>/<slug:step>/", incoming_pages.reclassify_step, name="reclassify-step"),
    path("incoming/<int:pk>/", incoming_pages.mail, name="incoming-mail"),
    path("incoming/sources/<int:pk>/check/", incoming_pages.check, name="incoming-check"),
    path("o/<str:token>.gif", views.opened, name="open"),
    path("c/<str:token>", views.clicked, name="click"),
    path("m/<str:token>", views.mirror, name="mirror"),
    path("u/<str:token>", views.unsubscribe, name="unsubscribe"),
    re_path(r"^i/(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z0-9]{1,5})$", views.picture, name="picture"),
]
