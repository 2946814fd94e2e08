"""Where a role is held, as seen from the unit of a delivery: whether it acts there, and whether it sees at all."""

PLACES = {"own": (True, True), "above": (True, True), "below": (False, True), "beside": (False, False)}
