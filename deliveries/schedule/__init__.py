"""When a delivery leaves: its moments, the plan, whether limits allow it, a new time."""
