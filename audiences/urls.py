"""The pages of profiles, audiences, imports and test profiles."""

from django.urls import include, path

from audiences.views import (
    attributing,
    doubting,
    dry_running,
    importing,
    profiles,
    repairing,
    reviewing,
    services,
    targets,
    testing,
)

app_name = "audiences"

_profiles = [
    path("", profiles.listing, name="profiles"),
    path("new/", profiles.create, name="profile-create"),
    path("count/", profiles.count, name="profiles-count"),
    path("export/", profiles.export, name="profiles-export"),
    path("unclear/", doubting.listing, name="unclear"),
    path("unclear/all/", doubting.decide_all, name="unclear-all"),
    path("unclear/<int:pk>/", doubting.decide, name="unclear-decide"),
    path("<int:pk>/", profiles.profile, name="profile"),
    path("<int:pk>/edit/", profiles.edit, name="profile-edit"),
    path("<int:pk>/consent/", profiles.consent, name="consent"),
    path("<int:pk>/unsubscribe/<int:service_pk>/", profiles.unsubscribe, name="unsubscribe"),
]
_audiences = [
    path("", targets.listing, name="list"),
    path("new/", targets.create_rule, name="create"),
    path("new-list/", targets.create_list, name="create-list"),
    path("combine/", targets.combine, name="combine"),
    path("builder/", targets.builder, name="builder"),
    path("preview/", targets.preview, name="preview"),
    path("<int:pk>/", targets.audience, name="audience"),
    path("<int:pk>/edit/", targets.edit, name="edit"),
    path("<int:pk>/delete/", targets.delete, name="delete"),
    path("<int:pk>/members/", targets.add_members, name="add-members"),
    path("<int:pk>/members/<int:profile_pk>/remove/", targets.remove_member, name="remove-member"),
]
_services = [
    path("", services.listing, name="services"),
    path("new/", services.create, name="service-create"),
    path("<int:pk>/", services.service, name="service"),
    path("<int:pk>/edit/", services.edit, name="service-edit"),
    path("<int:pk>/text/", services.write, name="service-text"),
    path("<int:pk>/activate/", services.activate, name="service-activate"),
    path("<int:pk>/subscribe/", services.subscribe, name="service-subscribe"),
    path("<int:pk>/audience/", services.audience, name="service-audience"),
]
_imports = [
    path("", importing.listing, name="imports"),
    path("<int:pk>/", importing.detail, name="import"),
    path("<int:pk>/progress/", importing.progress, name="import-progress"),
    path("<int:pk>/again/", importing.again, name="import-again"),
    path("<int:pk>/look/", dry_running.look_again, name="import-look"),
    path("<int:pk>/carry-out/", dry_running.carry_out, name="import-carry-out"),
    path("<int:pk>/rows/<slug:count>/", dry_running.rows, name="import-rows"),
    path("mappings/<int:pk>/forget/", dry_running.forget, name="mapping-forget"),
]
_test_profiles = [
    path("", testing.listing, name="test-profiles"),
    path("new/", testing.create, name="test-profile-create"),
    path("<int:pk>/", testing.edit, name="test-profile-edit"),
    path("<int:pk>/delete/", testing.delete, name="test-profile-delete"),
]
_attributes = [
    path("", attributing.listing, name="attributes"),
    path("<int:pk>/remove/", attributing.remove, name="attribute-remove"),
]

urlpatterns = [
    path("profiles/", include(_profiles)),
    path("audiences/", include(_audiences)),
    path("services/", include(_services)),
    path("imports/", include(_imports)),
    path("test-profiles/", include(_test_profiles)),
    path("attributes/", include(_attributes)),
    path("quarantine/repair/", repairing.repair, name="repair-quarantine"),
    path("quarantine/review/", reviewing.review, name="review-quarantine"),
]
