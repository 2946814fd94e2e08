"""SMTP to a relay: a few connections kept busy by pipelining, and one outcome for whatever was fed."""

import asyncio
import contextlib
import math
import ssl
from collections import deque
from collections.abc import Callable, Iterable
from functools import partial

from campaign.lib import clock
from deliveries.channels.answer_clock import POLITENESS_S
from deliveries.channels.base import Capabilities, Envelope, Outcome, Relay, Result
from deliveries.channels.dialogue import Dialogue
from deliveries.channels.opening import ConnectFailed
from deliveries.channels.replies import Stage, enhanced_code

SECONDS_TO_ASK_AGAIN = 1.0  # whether a silent connection may be replaced, where it might not


def _nothing(*_: object) -> None: ...


class Pool:
    """The connections of a lane to its relay. What is fed comes back from `outcomes`, once each.

    One connection is opened first and the others when it works: a wrong password is tried once, not eight
    times. A connection that is lost is opened again after a pause; when none can be had, or the relay keeps
    dropping them, the pool is broken and returns what is left as not attempted.

    A connection that owes an answer and has been silent for `Relay.silence_s` goes on waiting for it and takes nothing
    new. One other is opened in its place, and no third before it is back, so at most twice `size` are open. Before that
    `may_replace` is asked, as connections may be counted over several pools.

    What is fed is lent by the feeder until `holds_until` (seconds, as `clock.elapsed` counts them). After that no
    message is begun any more, and `on_lapse` is called: a process that was frozen must not write what another has been
    given meanwhile.
    """

    def __init__(
        self, relay: Relay, *, connections: int | None = None, attempts: int = 3, backoff_s: float = 0.25
    ) -> None:
        self.relay = relay
        self.queue: deque[Envelope] = deque()
        self.idle: set[Dialogue] = set()
        self.silent: set[Dialogue] = set()  # of those that are open: they are only waited for
        self.may_replace: Callable[[], bool] = lambda: True
        # Called with a message that was written to a connection that fell silent, and with an outcome that was told
        # and what is true of it after all.
        self.on_silent: Callable[[int], None] = _nothing
        self.on_doubt: Callable[[Outcome, Outcome], None] = _nothing
        self.is_closing = False
        self.holds_until = math.inf
        self.on_lapse: Callable[[], None] = self.drain
        self.broken: Outcome | None = None  # why; its seq means nothing
        self.capabilities: Capabilities | None = None  # of the connection opened last
        self.tls_context: ssl.SSLContext | None = None
        self.tls_problem = ""
        try:
            self.tls_context = _tls_context(relay)
        except OSError as error:  # SSLError is one
            self.tls_problem = f"the file of trusted certificates can't be used: {error.strerror or error}"
        self.size = max(1, min(connections or relay.max_connections, relay.max_connections))
        self._attempts, self._backoff_s = attempts, backoff_s
        self._dialogues: set[Dialogue] = set()
        self._keepers: set[asyncio.Task[None]] = set()
        self._ready: list[Outcome] = []
        self._pending = 0
        self._wanted = 0
        self._waiter: asyncio.Future[None] | None = None
        self._losses_in_a_row = 0
        self._stuck = 0  # keepers that may open nothing until a silent connection is back
        self._last_failure = ConnectFailed("no connection left")
        self._clock: asyncio.TimerHandle | None = None

    async def __aenter__(self) -> "Pool":
        self._loop = asyncio.get_running_loop()
        self._work = asyncio.Event()
        self._works = asyncio.Event()  # some connection was opened
        for number in range(self.size):
            keeper = self._loop.create_task(self._keep(is_first=number == 0))
            self._keepers.add(keeper)
            keeper.add_done_callback(self._keeper_ended)
        self._tick()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.close(grace_s=0.0 if error[0] else POLITENESS_S)

    @property
    def pending(self) -> int:
        """How many were fed and are not decided."""
        return self._pending

    @property
    def unanswered(self) -> set[int]:
        """The numbers of messages that were written to silent connections: their answers may take long."""
        return {seq for dialogue in self.silent if (seq := dialogue.doubtful) is not None}

    @property
    def is_stuck(self) -> bool:
        """Whether every connection, and the one in its place, is silent: nothing leaves before one of them is back."""
        return 0 < len(self._keepers) <= self._stuck

    def feed(self, envelopes: Iterable[Envelope]) -> None:
        """Take envelopes to be sent; each comes back as one outcome, whatever happens."""
        before = len(self.queue)
        self.queue.extend(envelopes)
        self._pending += len(self.queue) - before
        if self.broken is not None or self.is_closing:
            self._return_queue()
            return
        if self.queue:
            self._work.set()
        for dialogue in tuple(self.idle):
            if not self.queue:
                break
            self.idle.discard(dialogue)
            dialogue.wake()

    async def outcomes(self, *, at_least: int = 1, timeout: float | None = None) -> list[Outcome]:
        """Return all outcomes that are ready, once there are `at_least` so many, all is decided, or time is up.

        `timeout` is in seconds; none waits for as long as it takes.
        """
        if len(self._ready) < at_least and self._pending:
            self._wanted = at_least
            self._waiter = self._loop.create_future()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await self._waiter
            self._waiter = None
        ready, self._ready = self._ready, []
        return ready

    async def connected(self, *, timeout: float | None = None) -> bool:
        """Wait until a connection is open, the pool is broken or time is up; say whether one is open."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._works.wait()
        return bool(self._dialogues)

    def drain(self) -> None:
        """Take nothing more: what is untouched comes back as not attempted, what is begun comes to its end."""
        if self.is_closing:
            return
        self.is_closing = True
        self._return_queue()
        self._work.set()
        for dialogue in tuple(self._dialogues):
            dialogue.leave()

    def may_begin(self) -> bool:
        """Whether the next message may be written; where it may not, `on_lapse` is called."""
        if clock.elapsed() < self.holds_until:
            return True
        self.on_lapse()
        return False

    def take_back(self, envelope: Envelope) -> None:
        """Put in front again what a connection had taken, when surely nothing of it has left."""
        self.queue.appendleft(envelope)
        self.feed(())

    def note_silent(self, dialogue: Dialogue) -> None:
        """Note that a connection takes nothing new, as the relay may answer it very late."""
        self.silent.add(dialogue)
        if dialogue.doubtful is not None:
            self.on_silent(dialogue.doubtful)

    def cut(self) -> None:
        """End every connection now: a message whose final dot was written is in doubt, the others did not leave."""
        for dialogue in tuple(self._dialogues):
            dialogue.abort("cut by us")

    async def close(self, *, grace_s: float = POLITENESS_S) -> None:
        """Drain for `grace_s` seconds, then cut what is left; every outcome is ready afterwards."""
        self.drain()
        if grace_s and self._dialogues:
            await asyncio.wait([dialogue.lost for dialogue in self._dialogues], timeout=grace_s)
        self.cut()
        if self._clock is not None:
            self._clock.cancel()
        for keeper in tuple(self._keepers):
            keeper.cancel()
        await asyncio.gather(*self._keepers, return_exceptions=True)
        self._return_queue()

    def settle(self, outcome: Outcome) -> None:
        """Take an outcome from a connection."""
        self._ready.append(outcome)
        self._pending -= 1
        if outcome.code is not None and outcome.stage in ("rcpt", "body") and outcome.code != 421:
            self._losses_in_a_row = 0
        waiter = self._waiter
        if waiter is not None and (len(self._ready) >= self._wanted or not self._pending):
            self._waiter = None
            if not waiter.done():
                waiter.set_result(None)

    def doubt(self, told: Outcome, now: Outcome) -> None:
        """Replace an outcome by what is true of it after all: the relay said more than it was asked."""
        for place, ready in enumerate(self._ready):
            if ready is told:
                self._ready[place] = now
                return
        self.on_doubt(told, now)

    def _tick(self) -> None:
        now = self._loop.time()
        for dialogue in tuple(self._dialogues):
            dialogue.look_at_clock(now)
        relay = self.relay
        interval = min(0.5, relay.timeout_s / 4, relay.body_timeout_s / 4, relay.silence_s / 4)
        self._clock = self._loop.call_later(interval, self._tick)

    async def _keep(self, *, is_first: bool) -> None:
        """Keep one connection open while there is work for it; return when it can't be had."""
        if not is_first:
            await self._works.wait()
        failures = 0
        before: Dialogue | None = None  # a silent one, whose place was taken
        while not self.is_closing and self.broken is None:
            try:
                dialogue = await self._opened()
            except ConnectFailed as failure:
                failures += 1
                if failure.is_final or failures >= self._attempts:
                    self._lose_slot(failure)
                    return
            else:
                await self._converse(dialogue)
                was_well = dialogue.has_answered or not (dialogue.fault or dialogue.is_silent)
                failures = 0 if was_well else failures + 1
                if failures >= self._attempts:
                    self._lose_slot(ConnectFailed(dialogue.fault or "no answer for long"))
                    return
                before = await self._place_of(dialogue, before)
            if failures:
                await asyncio.sleep(self._backoff_s * 2 ** (failures - 1))
            if self._works.is_set():
                await self._wait_for_work()

    async def _place_of(self, dialogue: Dialogue, before: Dialogue | None) -> Dialogue | None:
        """Wait until another may be opened; return the silent one that is then still waited for, if there is one."""
        if before is not None and before.lost.done():
            before = None
        if not dialogue.is_silent or dialogue.lost.done():
            return before
        if before is not None:
            await self._stuck_until(before, dialogue, patience=None)
        while not dialogue.lost.done() and not self.is_closing and not self.may_replace():
            await self._stuck_until(dialogue, patience=SECONDS_TO_ASK_AGAIN)
        return dialogue if before is None or before.lost.done() else before

    async def _stuck_until(self, *silent: Dialogue, patience: float | None) -> None:
        """Wait until one of them is back, or `patience` seconds have passed; nothing is opened meanwhile."""
        self._stuck += 1
        try:
            lost = [dialogue.lost for dialogue in silent]
            await asyncio.wait(lost, timeout=patience, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._stuck -= 1

    async def _opened(self) -> Dialogue:
        dialogue = Dialogue(self)
        await dialogue.open()
        self.capabilities = dialogue.capabilities
        return dialogue

    async def _converse(self, dialogue: Dialogue) -> None:
        self._dialogues.add(dialogue)
        dialogue.lost.add_done_callback(partial(self._note_lost, dialogue))
        self._works.set()
        try:
            dialogue.start()
            if self.is_closing:
                dialogue.leave()
            await asyncio.wait([dialogue.lost, dialogue.silent], return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not dialogue.is_silent:
                dialogue.abort("cut by us")  # does nothing where it is over

    def _note_lost(self, dialogue: Dialogue, _lost: asyncio.Future[None]) -> None:
        self._dialogues.discard(dialogue)
        self.silent.discard(dialogue)
        if dialogue.fault and not dialogue.is_silent:
            self._losses_in_a_row += 1
            if self._losses_in_a_row >= self.size + self._attempts:
                self._break(ConnectFailed(dialogue.fault))

    async def _wait_for_work(self) -> None:
        while not self.queue and not self.is_closing:
            self._work.clear()
            await self._work.wait()

    def _lose_slot(self, failure: ConnectFailed) -> None:
        self._last_failure = failure
        if not self._works.is_set() or (failure.is_final and not self._dialogues):
            self._break(failure)

    def _keeper_ended(self, keeper: asyncio.Task[None]) -> None:
        self._keepers.discard(keeper)
        error = None if keeper.cancelled() else keeper.exception()
        if error is not None:
            self._break(ConnectFailed(f"{type(error).__name__}: {error}"))
        elif not self._keepers and not self.is_closing:
            self._break(self._last_failure)

    def _break(self, failure: ConnectFailed) -> None:
        if self.broken is not None:
            return
        self.broken = Outcome(
            -1, Result.NOT_ATTEMPTED, failure.code, enhanced_code(failure.text), failure.text,
            str(failure.stage), "ignored", "unreachable", breaker=True,
        )  # fmt: skip
        self._works.set()
        self._work.set()
        self._return_queue()
        for dialogue in tuple(self._dialogues):
            dialogue.leave()

    def _return_queue(self) -> None:
        why = self.broken or Outcome(-1, Result.NOT_ATTEMPTED, stage=str(Stage.CONNECT), nature="ignored")
        while self.queue:
            self.settle(why._replace(seq=self.queue.popleft().seq))


def _tls_context(relay: Relay) -> ssl.SSLContext | None:
    if relay.tls == "none":
        return None
    context = ssl.create_default_context(cafile=relay.ca_file or None)
    if not relay.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
