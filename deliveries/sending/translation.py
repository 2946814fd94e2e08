"""Rows become envelopes, and outcomes become entries of the ledger."""

import time
from bisect import bisect_left
from datetime import UTC, datetime

from django.conf import settings

from audiences.tracking import Tracked
from deliveries.channels.base import Capabilities, Envelope, Outcome, Ready, Result
from deliveries.models import MessageStatus
from deliveries.sending.lane_config import LaneConfig
from deliveries.sending.relay_refusals import speaks_of_the_dialogue
from deliveries.sending.rows import Entry, Row

REST_AFTER_REFUSAL = 30.0  # seconds until a row is tried again whose relay, not whose address, was at fault


class Translation:
    """Between the ledger's rows and the channel's envelopes and outcomes, for one lane."""

    def __init__(self, config: LaneConfig) -> None:
        self._config = config
        self._began = time.monotonic()
        self._second, self._moment = 0, datetime.now(UTC)

    def envelope(self, row: Row) -> Envelope:
        """Return what a connection writes for this row; the message is made when a connection takes it."""
        renderer, sign = self._config.renderer, self._config.sign
        if row.tracked != Tracked.ALL:
            opens, clicks = bool(row.tracked & Tracked.OPENS), bool(row.tracked & Tracked.CLICKS)
            renderer = renderer.tracked(opens=opens, clicks=clicks)

        def fill(capabilities: Capabilities) -> bytes | Ready:
            seq, address, values, date = row.seq, row.address, row.values, self._date()
            if capabilities.eight_bit and sign is None:
                return Ready(renderer.wire(seq=seq, address=address, values=values, date=date))
            message = renderer.message(seq=seq, address=address, values=values, date=date, encoding="encoded")
            return message if sign is None else sign(message)

        return Envelope(row.seq, renderer.return_path(row.seq), row.address, fill)

    def _date(self) -> datetime:
        """The moment for a message's Date, made once a second: the header shows no more."""
        now = int(time.time())
        if now != self._second:
            self._second, self._moment = now, datetime.fromtimestamp(now, UTC)
        return self._moment

    def entry(self, row: Row, outcome: Outcome, *, is_ours: bool = False) -> Entry:
        """Return what the ledger stores of an outcome; `is_ours`: the fault is ours or the relay's."""
        if outcome.result is Result.SENT:
            return Entry(row, MessageStatus.SENT, outcome.code, reply=outcome.text)
        entry = Entry(
            row=row,
            status=MessageStatus.SENT,
            code=outcome.code,
            nature=outcome.nature,
            reason=outcome.reason,
            reply=outcome.text,
            quarantines=outcome.quarantines,
        )
        match outcome.result:
            case Result.FAILED if not is_ours:
                entry.status = MessageStatus.FAILED
                entry.counts_as_try = outcome.code is not None  # else it failed before any server saw it
            case Result.IN_DOUBT:
                entry.status, entry.nature, entry.reason = MessageStatus.IN_DOUBT, "", ""
            case Result.RETRY | Result.FAILED:
                self.retry(entry, row, is_ours=is_ours or speaks_of_the_dialogue(outcome))
            case Result.NOT_ATTEMPTED:
                entry.status, entry.counts_as_try = MessageStatus.RETRYING, False
                entry.retry_in = REST_AFTER_REFUSAL if outcome.breaker else 0.0
        return entry

    def retry(self, entry: Entry, row: Row, *, is_ours: bool) -> None:
        """Return a later try, further ahead each time, until the validity period ends; our own faults fail nobody."""
        steps = settings.SINETE["retry_seconds"]
        entry.retry_in = REST_AFTER_REFUSAL if is_ours else float(steps[min(row.tries, len(steps) - 1)])
        entry.counts_as_try = not is_ours
        entry.status = MessageStatus.RETRYING
        if time.monotonic() - self._began + entry.retry_in > self._valid_for(row.seq) and not is_ours:
            entry.status, entry.retry_in = MessageStatus.FAILED, None

    def _valid_for(self, seq: int) -> float:
        rows = self._config.valid_for
        return rows[min(bisect_left(rows, (seq, 0.0)), len(rows) - 1)][1]
