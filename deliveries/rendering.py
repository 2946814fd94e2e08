"""From a content to what compiles and fills it: preview, proof, preparation, send and public pages share it."""

import re
from collections.abc import Sequence
from typing import cast

from django.conf import settings

from audiences.fields.fields import fields as profile_fields
from campaign.lib.link_parameters import plain_host
from campaign.lib.tokens import default_signer
from deliveries.channels import unsubscribe_mail
from deliveries.content import pictures
from deliveries.content.compile import compile_content
from deliveries.content.compiled import Compiled
from deliveries.content.findings import Finding
from deliveries.content.message.render import Renderer
from deliveries.content.parameters import Parameters
from deliveries.content.source import Field, FieldKind, Source
from deliveries.lifecycle import attachments, link_parameters, seal
from deliveries.models import Content, Delivery

SHORTEST_SENDER, LONGEST_SENDER = 5, 15  # characters that Gmail takes for the sender of a Feedback-ID


def renderer(
    delivery: Delivery,
    compiled: Compiled,
    *,
    identity: dict[str, str] | None = None,
    attached: Sequence[bytes] = (),
) -> Renderer:
    """Return the renderer of compiled content, under the identity that was sealed, else under today's.

    `attached` are the parts of its files; what only shows the content needs none.
    """
    domain = compiled.from_address.rpartition("@")[2]
    shown = identity or seal.identity(delivery)
    moved = identity is not None and identity["tracking"] != seal.host(settings.PUBLIC_URL)
    returns = shown["return_path"] or domain
    signer = default_signer()
    return Renderer(
        compiled,
        base_url=identity["base_url"] if identity and moved else settings.PUBLIC_URL,
        signer=signer,
        delivery_key=delivery.key,
        domain=domain,
        list_id=f"{delivery.unit_id}.lists.{domain}",
        verp_domain=returns,
        feedback_id=feedback_id(delivery, domain=domain),
        attached=attached,
        unsubscribe_mail=unsubscribe_mail.for_delivery(signer, delivery.key, domain=returns)
        if settings.SINETE["bounces_collected"]
        else None,
    )


def feedback_id(delivery: Delivery, *, domain: str) -> str:
    """What Gmail counts complaints by: campaign, unit, kind of mail and sender, the same in all of its messages."""
    kind = "run" if delivery.execution_of_id else "remainder" if delivery.remainder_of_id else "single"
    return f"{delivery.name}:U{delivery.unit_id}:{kind}:{feedback_sender(domain)}"


def feedback_sender(domain: str) -> str:
    """Who sends, in 5 to 15 characters: as the installation says, else made of the sender's domain."""
    plain = re.sub("[^a-z0-9]", "", plain_host(domain))
    return settings.SINETE["feedback_sender"] or plain[:LONGEST_SENDER].ljust(SHORTEST_SENDER, "0")


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
    """Return the renderer of what the latest preparation sealed; raise NotAsSealed where its files differ."""
    prepared = delivery.latest_preparation()
    identity = seal.identity_of(prepared.manifest)
    attached = attachments.parts(delivery, sealed=attachments.sealed_in(prepared.manifest))
    return renderer(delivery, Compiled.from_json(prepared.compiled), identity=identity, attached=attached)


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
    parameters = link_parameters.of(delivery)
    compiled, findings = compile_source(delivery, source_of(content), parameters=parameters)
    findings += link_parameters.findings(delivery, parameters)
    if compiled is not None:
        findings += pictures.findings(compiled.html, own=f"{settings.PUBLIC_URL}/i/")
    return compiled, findings


def compile_source(
    delivery: Delivery, source: Source, *, parameters: Parameters, tracking: bool | None = None
) -> tuple[Compiled | None, list[Finding]]:
    """What is written, compiled as content of the delivery; tracked as that is, unless it is said."""
    return compile_content(
        source,
        fields=content_fields(),
        assets=asset_urls(delivery),
        tracking=delivery.tracking if tracking is None else tracking,
        parameters=parameters,
    )


def compile_proof(delivery: Delivery, content: Content) -> tuple[Compiled | None, list[Finding]]:
    """One version as its proofs have it: untracked, their links lead straight where they lead."""
    parameters = link_parameters.of(delivery)
    return compile_source(delivery, source_of(content), parameters=parameters, tracking=False)


def content_fields() -> list[Field]:
    """The fields that content may use now; one query."""
    return [Field(field.name, cast(FieldKind, field.kind), str(field.label)) for field in profile_fields()]
