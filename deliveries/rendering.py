"""From a content to what compiles and fills it: preview, proof, preparation, send and public pages share it."""

from typing import cast

from django.conf import settings

from audiences.fields import fields as profile_fields
from campaign.lib.tokens import default_signer
from deliveries.content import pictures
from deliveries.content.compile import compile_content
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.content.render import Renderer
from deliveries.content.source import Field, FieldKind, Source
from deliveries.lifecycle import seal
from deliveries.models import Content, Delivery


def renderer(delivery: Delivery, compiled: Compiled, *, identity: dict[str, str] | None = None) -> Renderer:
    """Return the renderer of compiled content, under the identity that was sealed, else under today's."""
    domain = compiled.from_address.rpartition("@")[2]
    shown = identity or seal.identity(delivery)
    moved = identity is not None and identity["tracking"] != seal.host(settings.PUBLIC_URL)
    return Renderer(
        compiled,
        base_url=identity["base_url"] if identity and moved else settings.PUBLIC_URL,
        signer=default_signer(),
        delivery_key=delivery.key,
        domain=domain,
        list_id=f"{delivery.unit_id}.lists.{domain}",
        verp_domain=shown["return_path"] or domain,
    )


def served_renderer(compiled: Compiled, *, delivery_key: int) -> Renderer:
    """Return the renderer of what public pages show of a sent delivery; it needs no database."""
    return Renderer(
        compiled,
        base_url=settings.PUBLIC_URL,
        signer=default_signer(),
        delivery_key=delivery_key,
        domain=compiled.from_address.rpartition("@")[2],
    )


def sealed_renderer(delivery: Delivery) -> Renderer:
    """Return the renderer of what the latest preparation sealed."""
    prepared = delivery.latest_preparation()
    identity = seal.identity_of(prepared.manifest)
    return renderer(delivery, Compiled.from_json(prepared.compiled), identity=identity)


def source_of(content: Content) -> Source:
    return Source(
        subject=content.subject,
        preheader=content.preheader,
        from_name=content.from_name,
        from_address=content.from_address,
        reply_to=content.reply_to,
        html=content.html,
        text=content.text,
    )


def asset_urls(delivery: Delivery) -> dict[str, str]:
    """Return the address of each uploaded picture by its relative path."""
    rows = delivery.assets.values_list("path", "sha256", "media_type")
    return {
        path: f"{settings.PUBLIC_URL}/i/{sha}.{media_type.rpartition('/')[2]}"
        for path, sha, media_type in rows
    }


def compile_version(delivery: Delivery, content: Content) -> tuple[Compiled | None, list[Finding]]:
    """One version of a delivery's content, compiled with the fields that profiles have now."""
    compiled, findings = compile_content(
        source_of(content), fields=content_fields(), assets=asset_urls(delivery), tracking=delivery.tracking
    )
    if compiled is not None:
        findings += pictures.findings(compiled.html, own=f"{settings.PUBLIC_URL}/i/")
    return compiled, findings


def content_fields() -> list[Field]:
    """The fields that content may use now; one query."""
    return [Field(field.name, cast(FieldKind, field.kind), str(field.label)) for field in profile_fields()]
