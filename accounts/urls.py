from django.contrib.auth import views as auth_views
from django.urls import path

from accounts import styleguide, unit_pages, views

# No app_name: these are the names that django.contrib.auth uses itself.
urlpatterns = [
    path("login/", views.LoginView.as_view(), name="login"),
    path("logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("account/", views.account, name="account"),
    path("account/password/", views.PasswordChangeView.as_view(), name="password_change"),
    path("account/password/done/", auth_views.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("units/", unit_pages.listing, name="units"),
    path("units/<int:pk>/", unit_pages.edit, name="unit"),
    path("language/", views.set_language, name="set_language"),
    path("styleguide/", styleguide.show, name="styleguide"),
]
