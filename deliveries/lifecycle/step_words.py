"""The steps of a delivery's life in words, as the desk's list of them says."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from deliveries.lifecycle.steps import Step

WORDS: dict[Step, str | Promise] = {
    Step.PREPARE: _("Preparation begun"),
    Step.STOP_PREPARATION: _("Preparation stopped"),
    Step.FAIL_PREPARATION: _("Preparation failed"),
    Step.ASK_APPROVAL: _("Prepared; approval asked for"),
    Step.NEED_NO_APPROVAL: _("Prepared; no approval needed"),
    Step.CHANGE: _("Changed after it was prepared"),
    Step.ASK_AGAIN: _("New time; approval asked for again"),
    Step.KEEP_READY: _("New time; stays ready"),
    Step.APPROVE: _("Approved"),
    Step.REJECT: _("Rejected"),
    Step.CONFIRM: _("Confirmed"),
    Step.TAKE_BACK: _("Confirmation taken back"),
    Step.BEGIN: _("Sending begun"),
    Step.PAUSE: _("Paused"),
    Step.RESUME: _("Resumed"),
    Step.WITHDRAW: _("Confirmation withdrawn: a copy was adopted"),
    Step.HOLD: _("Held by the system"),
    Step.STOP: _("Stopped"),
    Step.FINISH: _("Finished"),
    Step.REOPEN: _("Sending again: an outcome changed"),
    Step.FAIL: _("Failed"),
    Step.EXPIRE: _("Expired"),
    Step.ACTIVATE: _("Series activated"),
    Step.DEACTIVATE: _("Series deactivated"),
    Step.SUSPEND: _("Series paused"),
    Step.CONTINUE: _("Series resumed"),
    Step.END: _("Series stopped"),
    Step.COMPLETE: _("Series completed"),
    Step.HOLD_SERIES: _("Series held: a copy was adopted"),
    Step.PREPARE_RUN: _("Preparation of a run begun"),
    Step.RELEASE_RUN: _("Run released"),
    Step.SKIP_RUN: _("Run left out"),
}
_BY_CODE = {step.code: words for step, words in WORDS.items()}


def in_words(code: str) -> str:
    """A step in the reader's language by its code; the code itself of a step that is none any more."""
    return str(_BY_CODE.get(code, code))


def choices() -> list[tuple[str, str]]:
    """Code and words of each step, in the order of a delivery's life."""
    return [(code, str(words)) for code, words in _BY_CODE.items()]
