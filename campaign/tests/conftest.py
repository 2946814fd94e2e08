from deliveries.tests.conftest import relay

__all__ = ["relay"]
