"""What an answer to a message, or the loss of its connection, makes of that message."""

from deliveries.channels.base import Outcome, Result
from deliveries.channels.replies import Stage, classify, enhanced_code, printable


def answered(seq: int, stage: str, code: int, text: str) -> Outcome:
    """Return what the relay's answer at this stage says."""
    if stage == Stage.BODY and code < 300:
        return Outcome(seq, Result.SENT, code, enhanced_code(text), text, Stage.BODY.value)
    means = classify(stage, code, text)
    return Outcome(seq, means.result, code, enhanced_code(text), text, str(stage), *means[1:])


def answered_early(seq: int, code: int, text: str) -> Outcome:
    """Return what a refusal of the body says that came before its end was written: it did not leave, so try again."""
    means = classify(Stage.BODY, code, text)
    return Outcome(
        seq, Result.RETRY, code, enhanced_code(text), text, Stage.BODY.value,
        "ignored" if means.breaker else "soft", means.reason, breaker=means.breaker,
    )  # fmt: skip


def cut_off(seq: int, result: Result, fault: str, *, breaker: bool) -> Outcome:
    """Return the outcome after a lost connection; `result` is IN_DOUBT or NOT_ATTEMPTED."""
    stage = Stage.BODY if result == Result.IN_DOUBT else Stage.RCPT
    return Outcome(
        seq, result, text=printable(fault), stage=str(stage), nature="ignored", reason="unreachable",
        breaker=breaker,
    )  # fmt: skip


def doubted(outcome: Outcome, fault: str) -> Outcome:
    """Return an outcome that may have been another recipient's as unknown, or as not attempted before its final dot."""
    is_dotted = outcome.stage == Stage.BODY
    return Outcome(
        outcome.seq, Result.IN_DOUBT if is_dotted else Result.NOT_ATTEMPTED, text=printable(fault),
        stage=outcome.stage, nature="ignored", reason="unreachable", breaker=True,
    )  # fmt: skip
