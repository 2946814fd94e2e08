"""The ledger's state machine under limits."""

import django_rq
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from campaign.lib import clock
from deliveries.ledger.tests.lane_relay import PROVIDER
from deliveries.ledger.tests.machine import LedgerMachine
from deliveries.ledger.tests.standing_rows import reset
from deliveries.lifecycle import groups
from deliveries.models import ProviderLimit
from deliveries.operations import route_settings
from deliveries.routing import limits, routes
from deliveries.sending.lane_config import LaneConfig
from deliveries.sending.lanes import Lane
from deliveries.sending.throttle import Throttle
from deliveries.tests.ledger_rows import execute


class UnhurriedLane(Lane):
    """Asks for tokens whenever the machine has it exchange."""

    @property
    def _next_ask(self) -> float:
        return 0.0

    @_next_ask.setter
    def _next_ask(self, moment: float) -> None: ...


class LimitedLedgerMachine(LedgerMachine):
    """The same under limits that come, change and go: the buckets are Valkey's, by a clock that the machine moves."""

    @initialize(own=st.sampled_from([None, 10_800]), provider=st.sampled_from([None, 3600, 7200]))
    def begin(self, own: int | None, provider: int | None) -> None:
        reset(self.delivery)
        self.somebody_limits_the_delivery(own)
        self.somebody_limits_a_provider(provider)
        django_rq.get_connection("default").flushdb()
        self.throttle = Throttle(delivery_id=self.delivery.pk, deliveries=1, at=1_000_000.0)
        super().begin()

    async def _lane(self, plan: LaneConfig) -> Lane:
        lane = await super()._lane(plan)
        lane.__class__ = UnhurriedLane
        lane.budget.throttle = self.throttle
        return lane

    @rule(seconds=st.sampled_from([0.4, 1.0, 3.0]))
    def time_passes(self, seconds: float) -> None:
        assert self.throttle.at is not None
        self.throttle.at += seconds

    @rule(per_hour=st.sampled_from([3600, 10_800, None]))
    def somebody_limits_the_delivery(self, per_hour: int | None) -> None:
        if self.status() not in groups.FINAL:
            limits.set_limit(delivery=self.delivery, per_hour=per_hour, by=self.starter, at=clock.now())

    @rule(per_hour=st.sampled_from([3600, 7200, None]))
    def somebody_limits_a_provider(self, per_hour: int | None) -> None:
        limit = ProviderLimit.objects.first()
        if per_hour is not None:
            route_settings.save_provider_limit(
                limit=limit or ProviderLimit(route=routes.default_route()), by=self.boss, name="Mailbox",
                domains=[PROVIDER], limit_per_hour=per_hour,
            )  # fmt: skip
        elif limit is not None:
            route_settings.remove_provider_limit(limit=limit, by=self.boss)

    @rule()
    def who_queues_is_due(self) -> None:
        execute(
            "UPDATE deliveries_try SET due_at = sinete_clock() WHERE delivery_id = %s AND NOT handed",
            self.delivery.pk,
        )

    def teardown(self) -> None:
        """All limits are lifted; what queued goes."""
        self.somebody_limits_a_provider(None)
        self.somebody_limits_the_delivery(None)
        self.who_queues_is_due()
        self.run(self.throttle.close())
        super().teardown()
