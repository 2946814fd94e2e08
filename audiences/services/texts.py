"""The words by which people are asked: each version is sealed, and in force once a holder of *Start* activates it."""

import hashlib
import json
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import translation
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts import access, audit
from accounts.models import ApprovalPolicy, User
from accounts.rights import Right
from audiences.models import Service, ServiceText
from campaign.lib import locking
from campaign.lib.refusals import Refusal

PARTS = {"consent": 2_000, "subject": 200, "body": 10_000}  # and how many characters each takes
MOST_VERSIONS = 1_000
NAME = "{name}"  # stands for the name that readers see

Words = dict[str, dict[str, str]]


class UnfitWords(Refusal):
    message = _("%(where)s: %(reason)s")
    code = "unfit_words"
    exit_code = 2


class OtherText(Refusal):
    message = _("This is not the latest text of “%(service)s”: look at it again.")
    code = "other_text"


class OwnText(Refusal):
    message = _("Four eyes: you wrote this text of “%(service)s”, so somebody else must activate it.")
    code = "own_text"


def shipped() -> Words:
    """What a new service begins with, in every language of ours."""
    found: Words = {}
    for language, _label in settings.LANGUAGES:
        with translation.override(language):
            found[language] = {
                "consent": _t(
                    "I want to get “{name}” by email. I can leave it at any time, by a link in each mail."
                ),
                "subject": _t("Please confirm: {name}"),
                "body": _t(
                    "Somebody, probably you, asked for “{name}” at this address.\n\n"
                    "Confirm it by the link below. Without that you get nothing more."
                ),
            }
    return found


@transaction.atomic
def write(*, service: Service, words: Any, by: User, at: datetime) -> ServiceText:
    """The service has a new version of its words, which is not in force yet; the last one where nothing changed.

    Raise access.NotAllowed without *Prepare deliveries*, and UnfitWords.
    """
    service = _locked(service)
    access.require(by, Right.PREPARE, service)
    checked = _checked(words)
    last = service.texts.first()
    if last is not None and last.words == checked:
        return last
    number = last.number + 1 if last else 1
    if number > MOST_VERSIONS:
        raise UnfitWords(where=_("Text"), reason=_("there are too many versions."))
    text = ServiceText.objects.create(
        service=service,
        number=number,
        words=checked,
        seal=fingerprint(service, number, checked),
        author=by,
        at=at,
    )
    audit.record("write_service_text", by=by, target=service, version=number, seal=text.seal)
    return text


@transaction.atomic
def activate(*, service: Service, seal: str, by: User, at: datetime) -> ServiceText:
    """The latest text, which `seal` names, is in force: the form shows it, and mails that ask to confirm have it.

    Raise access.NotAllowed without *Start deliveries*, OtherText where the seal is not that of the latest text, and
    OwnText where the unit asks for four eyes and `by` wrote it.
    """
    service = _locked(service)
    access.require(by, Right.START, service)
    text = service.texts.select_for_update().first()
    if text is None or not seal or text.seal != seal or not is_whole(text):
        raise OtherText(service=service)
    if service.unit.policy == ApprovalPolicy.FOUR_EYES and text.author_id == by.pk:
        raise OwnText(service=service)
    if service.text_id == text.pk:
        return text
    text.activated_by, text.activated_at = by, at
    text.save(update_fields=["activated_by", "activated_at"])
    service.text = text
    service.save(update_fields=["text", "changed_at"])
    audit.record("activate_service_text", by=by, target=service, version=text.number, seal=seal)
    return text


def is_whole(text: ServiceText) -> bool:
    """Whether the words are those that were sealed."""
    return text.seal == fingerprint(text.service, text.number, text.words)


def fingerprint(service: Service, number: int, words: Words) -> str:
    """SHA-256 of the service's key, the number of the version, and its words."""
    said = json.dumps([service.key, number, words], sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()


def in_language(text: ServiceText, language: str) -> tuple[str, dict[str, str]]:
    """The language that the text has for a reader of this one, and its words, with the service's name in them."""
    known = [code for code, _label in settings.LANGUAGES if code in text.words]
    chosen = language if language in known else known[0]
    name = text.service.public_name
    return chosen, {part: said.replace(NAME, name) for part, said in text.words[chosen].items()}


def _locked(service: Service) -> Service:
    return locking.locked(Service.objects.select_related("unit"), service.pk)


def _checked(words: Any) -> Words:
    """The words in the form in which they are sealed; raise UnfitWords, which names the place."""
    languages = [code for code, _label in settings.LANGUAGES]
    if not isinstance(words, dict) or not words:
        raise UnfitWords(where=_("Text"), reason=_("it needs words in at least one language."))
    for language in words:
        if language not in languages:
            reason = _("is not one of %(languages)s.") % {"languages": ", ".join(languages)}
            raise UnfitWords(where=str(language)[:20], reason=reason)
    return {
        language: _checked_parts(language, words[language]) for language in languages if language in words
    }


def _checked_parts(language: str, said: Any) -> dict[str, str]:
    if not isinstance(said, dict) or set(said) != set(PARTS):
        reason = _("say %(parts)s, and nothing else.") % {"parts": ", ".join(PARTS)}
        raise UnfitWords(where=language, reason=reason)
    return {part: _checked_part(f"{language}, {part}", part, said[part]) for part in PARTS}


def _checked_part(where: str, part: str, text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise UnfitWords(where=where, reason=_("write something."))
    clean = "\n".join(
        line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    ).strip()
    if len(clean) > PARTS[part]:
        reason = _("it is longer than %(most)s characters.") % {"most": PARTS[part]}
        raise UnfitWords(where=where, reason=reason)
    readable = clean.replace("\n", "").replace("\t", "") if part != "subject" else clean
    if not readable.isprintable():
        raise UnfitWords(where=where, reason=_("it holds characters that can't be read, or a line break."))
    return clean
