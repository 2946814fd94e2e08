"""Rules of audiences, drawn at random."""

from datetime import UTC, datetime, timedelta

from hypothesis import strategies as st

from audiences.fields.fields import COLUMNS, ProfileField

KNOWN = {field.name: field for field in COLUMNS} | {
    "segment": ProfileField("segment", "Segment", "text", False),
    "points": ProfileField("points", "Points", "number", False),
    "last_order_on": ProfileField("last_order_on", "Last order", "date", False),
    "vip": ProfileField("vip", "VIP", "yes_no", False),
}
WORDS = ["", "vip", "VIP", "new", "São Paulo", "sao", "50%_off", "\\", "O'Neil"]


def leaf(field, code, value=None):
    """One condition on a field, as a rule stores it."""
    return {"field": field, "is": code} | ({} if value is None else {"value": value})


words = st.sampled_from([word for word in WORDS if word])
numbers = st.integers(-3, 3) | st.sampled_from([0.5, -1.25, 10**14])
days = st.integers(-40, 5).map(lambda offset: (datetime.now(UTC).date() + timedelta(days=offset)).isoformat())
leaves = st.one_of(
    st.builds(leaf, st.sampled_from(["segment", "city"]),
              st.sampled_from(["equal", "not_equal", "contains", "begins_with"]), words),
    st.builds(leaf, st.sampled_from(["segment", "city", "external_id"]), st.just("one_of"),
              st.lists(words, min_size=1, max_size=3)),
    st.builds(leaf, st.just("points"),
              st.sampled_from(["equal", "not_equal", "above", "below", "at_least", "at_most"]), numbers),
    st.builds(leaf, st.sampled_from(["birth_date", "last_order_on"]),
              st.sampled_from(["equal", "not_equal", "before", "after"]), days),
    st.builds(leaf, st.sampled_from(["birth_date", "last_order_on"]), st.sampled_from(
        ["last_days", "next_days", "anniversary_next_days"]), st.integers(1, 40)),
    st.builds(leaf, st.sampled_from(["birth_date", "last_order_on"]), st.sampled_from(
        ["this_month", "anniversary_this_month", "anniversary_today"])),
    st.builds(leaf, st.just("vip"), st.sampled_from(["yes", "no"])),
    st.builds(leaf, st.sampled_from(sorted(KNOWN)), st.sampled_from(["empty", "not_empty"])),
)  # fmt: skip
trees = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda parts: {"all": parts}),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: {"any": parts}),
        inner.map(lambda part: {"not": part}),
    ),
    max_leaves=6,
)
