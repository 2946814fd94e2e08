"""What anybody may ask for, who has the address: no session, no cookie, no sign-in is looked at for these."""

from django.urls import path, re_path

from feedback import views
from feedback.subscribing import pages, preferences

PREFIXES = frozenset({"/o/", "/c/", "/m/", "/u/", "/i/", "/s/", "/k/", "/p/"})
urlpatterns = [
    path("o/<str:token>.gif", views.opened, name="open"),
    path("c/<str:token>", views.clicked, name="click"),
    path("m/<str:token>", views.mirror, name="mirror"),
    path("u/<str:token>", views.unsubscribe, name="unsubscribe"),
    path("s/<str:key>", pages.sign_up, name="sign-up"),
    path("k/<str:token>", pages.confirm, name="confirm"),
    path("p/<str:token>", preferences.preferences, name="preferences"),
    re_path(r"^i/(?P<sha256>[0-9a-f]{64})\.(?P<extension>[a-z0-9]{1,5})$", views.picture, name="picture"),
]
