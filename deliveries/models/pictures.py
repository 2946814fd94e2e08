"""Which pictures are served, whatever they belong to: by their fingerprint."""

from deliveries.models.content import Asset
from deliveries.models.picture import Picture
from deliveries.models.template import TemplatePicture


def served(sha256: str) -> Asset | TemplatePicture | Picture | None:
    """The picture with this fingerprint, of a content, a template or a unit; each holds the same octets."""
    for model in (Asset, TemplatePicture, Picture):
        found: Asset | TemplatePicture | Picture | None = (
            model.objects.filter(sha256=sha256).only("media_type", "data").first()
        )
        if found is not None:
            return found
    return None
