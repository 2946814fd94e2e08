"""The marketers' pages."""

from django.urls import include, path

from deliveries.views import (
    approving,
    attachments,
    content,
    dashboard,
    drafting,
    halting,
    listing,
    many,
    preparing,
    releasing,
    senders,
    series,
)

app_name = "deliveries"

one = [
    path("", dashboard.dashboard, name="dashboard"),
    path("progress/", dashboard.progress, name="progress"),
    path("log/", dashboard.log, name="log"),
    path("edit/", drafting.edit, name="edit"),
    path("audience/", drafting.audience, name="audience"),
    path("schedule/", drafting.schedule, name="schedule"),
    path("duplicate/", drafting.duplicate, name="duplicate"),
    path("remainder/", drafting.remainder, name="remainder"),
    path("delete/", drafting.delete, name="delete"),
    path("content/", content.editor, name="content"),
    path("content/upload/", content.upload, name="upload"),
    path("content/preview/", content.preview, name="preview"),
    path("content/preview/frame/", content.frame, name="frame"),
    path("attachments/attach/", attachments.attach, name="attach"),
    path("attachments/detach/", attachments.detach, name="detach"),
    path("attachments/<int:attachment>/", attachments.download, name="attachment"),
    path("prepare/", preparing.prepare, name="prepare"),
    path("stop-preparation/", preparing.stop_preparation, name="stop-preparation"),
    path("proof/", preparing.proof, name="proof"),
    path("approval/", approving.decide, name="approval"),
    path("confirm/", releasing.confirm, name="confirm"),
    path("take-back/", releasing.take_back, name="take-back"),
    path("pause/", releasing.pause, name="pause"),
    path("resume/", releasing.resume, name="resume"),
    path("release-wave/", releasing.release_wave, name="release-wave"),
    path("limit/", releasing.limit, name="limit"),
    path("stop/", releasing.stop, name="stop"),
    path("runs/", series.runs, name="runs"),
]

urlpatterns = [
    path("deliveries/", listing.listing, name="list"),
    path("waiting/", listing.waiting, name="waiting"),
    path("waiting/seen/", listing.seen, name="seen"),
    path("deliveries/stop-all/", halting.stop_all, name="stop-all"),
    path("deliveries/allow-sending/", halting.allow, name="allow-sending"),
    path("units/senders/", senders.listing, name="senders"),
    path("units/senders/<int:pk>/remove/", senders.remove, name="sender-remove"),
    path("units/senders/<int:pk>/ask/", senders.ask, name="sender-ask"),
    path("deliveries/many/", many.chosen, name="many"),
    path("deliveries/new/", drafting.create, name="create"),
    path("deliveries/occurrences/", drafting.occurrences, name="occurrences"),
    path("deliveries/audience-count/", drafting.count, name="count"),
    path("deliveries/<int:pk>/", include(one)),
]
