"""From a delivery to the renderer that fills its messages: preview, proof, send and mirror page share it."""

from django.conf import settings

from campaign.lib.tokens import default_signer
from deliveries.content.compile import Compiled
from deliveries.content.render import Renderer
from deliveries.models import Delivery


def renderer(delivery: Delivery, compiled: Compiled) -> Renderer:
    """The renderer of one delivery's compiled content."""
    domain = compiled.from_address.rpartition("@")[2]
    route = delivery.route
    return Renderer(
        compiled,
        base_url=settings.PUBLIC_URL,
        signer=default_signer(),
        delivery_key=delivery.key,
        domain=domain,
        list_id=f"{delivery.unit_id}.lists.{domain}",
        verp_domain=(route.return_path_domain if route else "") or domain,
    )


def sealed_renderer(delivery: Delivery) -> Renderer:
    """The renderer of what the latest preparation sealed."""
    return renderer(delivery, Compiled.from_json(delivery.latest_preparation().compiled))
