"""By what way messages leave: routes, signatures, limits."""
