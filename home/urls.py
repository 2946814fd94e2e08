from django.urls import path

from home import metrics_view, views

app_name = "home"
urlpatterns = [
    path("", views.home, name="home"),
    path("calendar/", views.calendar, name="calendar"),
    path("guide/", views.guide, name="guide"),
    path("first-steps/", views.first_steps, name="first-steps"),
    path("search/", views.search, name="search"),
    path("metrics/", metrics_view.metrics, name="metrics"),
]
