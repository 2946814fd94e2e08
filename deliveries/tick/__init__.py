"""Each second: what is due or has stopped moving is found and handled."""
