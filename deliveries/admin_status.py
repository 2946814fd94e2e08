"""A delivery's status at the desk: the colour of each."""

from deliveries.models import Status

COLOURS = {
    Status.DRAFT: "default",
    Status.PREPARING: "info",
    Status.PREPARATION_FAILED: "danger",
    Status.AWAITING_APPROVAL: "warning",
    Status.READY: "warning",
    Status.SCHEDULED: "primary",
    Status.SENDING: "info",
    Status.PAUSED: "warning",
    Status.ACTIVE: "primary",
    Status.SUSPENDED: "warning",
    Status.FINISHED: "success",
    Status.STOPPED: "danger",
    Status.FAILED: "danger",
    Status.EXPIRED: "default",
}
