"""What is under a legal hold, as SQL: nothing of it goes, not even with whoever it is about."""

_HELD = """EXISTS (
    SELECT FROM deliveries_delivery held JOIN accounts_organizationalunit u ON u.id = held.unit_id
    JOIN deliveries_legalhold l ON l.lifted_at IS NULL
    LEFT JOIN accounts_organizationalunit k ON k.id = l.unit_id
    WHERE held.id = {delivery} AND (l.delivery_id = held.id OR starts_with(u.path, k.path))
)"""


def is_held(delivery: str) -> str:
    """SQL: whether the delivery of this id, an expression, is under a hold: its own, or one of its unit or above."""
    return _HELD.format(delivery=delivery)
