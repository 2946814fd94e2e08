from allauth.account import views as allauth_views
from django.contrib.auth import views as auth_views
from django.urls import path, re_path
from django.views.generic import RedirectView

from accounts import styleguide, views
from accounts.kept_forms import views as kept_forms
from accounts.units import unit_pages

# No app_name: these are the names that django.contrib.auth and django-allauth use themselves.
urlpatterns = [
    path("login/", views.LoginView.as_view(), name="login"),
    path("login/", views.LoginView.as_view(), name="account_login"),
    path("logout/", views.LogoutView.as_view(), name="logout"),
    # The desk's own doors lead to these, whatever the desk is: they come before it in campaign.urls.
    path("admin/login/", views.desk_login),
    path("admin/logout/", views.LogoutView.as_view()),
    path("admin/password_change/", RedirectView.as_view(pattern_name="password_change")),
    path("account/", views.account, name="account"),
    path("account/address/", views.confirm_address, name="confirm_address"),
    path("account/address/<path:key>/", allauth_views.confirm_email, name="account_confirm_email"),
    path("account/password/", views.PasswordChangeView.as_view(), name="password_change"),
    path("account/password/done/", auth_views.PasswordChangeDoneView.as_view(), name="password_change_done"),
    path("account/typed/", kept_forms.listing, name="kept_forms"),
    path("account/typed/<int:pk>/throw-away/", kept_forms.throw_away, name="kept_form_throw_away"),
    path("units/", unit_pages.listing, name="units"),
    path("units/<int:pk>/", unit_pages.edit, name="unit"),
    path("account/password/reset/", allauth_views.password_reset, name="account_reset_password"),
    path(
        "account/password/reset/sent/", allauth_views.password_reset_done, name="account_reset_password_done"
    ),
    path(
        "account/password/new/done/",
        allauth_views.password_reset_from_key_done,
        name="account_reset_password_from_key_done",
    ),
    re_path(
        r"^account/password/new/(?P<uidb36>[0-9A-Za-z]+)-(?P<key>[^/]+)/$",
        allauth_views.password_reset_from_key,
        name="account_reset_password_from_key",
    ),
    path("language/", views.set_language, name="set_language"),
    path("styleguide/", styleguide.show, name="styleguide"),
]
