"""What was approved is released, once somebody has looked at all that it binds."""
