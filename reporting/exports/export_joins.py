"""What stands beside the rows of a log in its file: joined to a page of rows at once, not looked up for each.

A page of rows is called `page` here, its columns as `called` says, and `span` holds its first and last number.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from audiences import sight
from deliveries.models import Delivery
from reporting.logs.logs import Log


@dataclass
class Joined:
    """Joins behind `FROM page`, their parameters, and the fields that they give, each by its SQL.

    `before` is what must be known first: a further part of the statement's WITH.
    """

    before: str = ""
    sql: str = ""
    parameters: list[Any] = field(default_factory=list)
    gives: dict[str, str] = field(default_factory=dict)

    def add(self, sql: str, parameters: list[Any], **gives: str) -> None:
        self.sql += f" {sql}"
        self.parameters += parameters
        self.gives |= gives


@dataclass(frozen=True)
class Beside:
    """Of which delivery the rows are, and who reads them; without a person it is the system's own operator."""

    log: Log
    delivery: Delivery
    user: User | None

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that need not be read with the rows."""
        return frozenset(_FIELDS.get(self.log.code, ()))

    def joined(self, called: Mapping[str, str]) -> Joined:
        """The joins to a page whose columns have these names."""
        made = Joined()
        if not self.fields:
            return made
        if self.log.code == "sending":
            _of_messages(made, self.delivery.pk, f"page.{called['seq']}")
        profile = "message.profile_id"
        if self.log.code == "tracking":
            made.add(
                f"LEFT JOIN LATERAL (SELECT address, profile_id FROM deliveries_message WHERE delivery_id = %s"
                f" AND seq = page.{called['seq']} LIMIT 1) message ON true",
                [self.delivery.pk],
                address="message.address",
                profile_id=profile,
            )
        else:
            profile = f"page.{called['profile_id']}"
        _of_people(made, sight.units_seen(self.user, unit=self.delivery.unit), profile)
        return made


_SIGHT = ("is_seen", "is_clear")
_FIELDS = {
    "sending": ("next_try", "first_unknown", "bounced_at", "bounce_text", *_SIGHT),
    "exclusions": _SIGHT,
    "tracking": ("address", "profile_id", *_SIGHT),
}


def _of_messages(made: Joined, delivery: int, seq: str) -> None:
    """What the small tables beside the ledger have of these numbers: each is read once, from the first to the last."""
    made.before = f", span AS MATERIALIZED (SELECT min({seq}) AS first, max({seq}) AS last FROM page)"
    for table, found, gives in (
        ("deliveries_try", "later", {"next_try": "due_at"}),
        ("deliveries_sentagain", "again", {"first_unknown": "since"}),
        ("deliveries_bounce", "bounce", {"bounced_at": "at", "bounce_text": "text"}),
    ):
        made.add(
            f"LEFT JOIN (SELECT near.* FROM span CROSS JOIN LATERAL (SELECT * FROM {table} WHERE delivery_id = %s"
            f" AND seq BETWEEN span.first AND span.last OFFSET 0) near) {found} ON {found}.seq = {seq}",
            [delivery],
            **{name: f"{found}.{column}" for name, column in gives.items()},
        )


def _of_people(made: Joined, seen: sight.UnitsSeen, profile: str) -> None:
    """As `sight.marked`. Each person is found by their key: a join could read all people there are."""
    made.add(
        f"LEFT JOIN LATERAL (SELECT unit_id FROM audiences_profile WHERE id = {profile} LIMIT 1) person ON true",
        [],
    )
    for name, units, is_gone_too in (
        ("is_seen", seen.seen, seen.is_gone_seen),
        ("is_clear", seen.clear, seen.is_gone_clear),
    ):
        if units is None:
            made.gives[name] = "true"
            continue
        listed = ",".join(map(str, sorted(units)))
        made.gives[name] = (
            f"coalesce(person.unit_id = ANY('{{{listed}}}'::bigint[]), {str(is_gone_too).lower()})"
        )
