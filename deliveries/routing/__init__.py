"""How messages leave: routes, signatures, limits."""
