"""When a delivery leaves: its moments, the plan, what capacity allows, a new time."""
