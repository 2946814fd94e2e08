from deliveries.conftest import relay

__all__ = ["relay"]
