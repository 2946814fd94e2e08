"""Profiles, audiences and test profiles for tests."""

from typing import Any

import factory
from factory.django import DjangoModelFactory

from accounts.roles import root
from audiences import addresses
from audiences.models import Attribute, Audience, AudienceMember, Profile, Service, ServiceText, TestProfile
from audiences.services import texts
from campaign.lib import clock


class ProfileFactory(DjangoModelFactory):
    """A profile below the root; the state and the key of its address are those that reading it gives."""

    class Meta:
        model = Profile

    external_id = factory.Sequence(lambda n: f"P{n:06}")
    unit = factory.LazyFunction(root)
    first_name = factory.Faker("first_name")
    last_name = factory.Faker("last_name")
    email = factory.LazyAttribute(lambda profile: f"{(profile.external_id or 'someone').lower()}@example.com")
    language = "en"
    country = "BR"
    time_zone = "America/Sao_Paulo"
    email_state = factory.LazyAttribute(lambda profile: addresses.read(profile.email)[0])
    email_key = factory.LazyAttribute(lambda profile: addresses.read(profile.email)[1])

    @classmethod
    def create_batch(cls, size: int, **kwargs: Any) -> list[Profile]:
        """As many profiles, in one statement."""
        return Profile.objects.bulk_create(cls.build_batch(size, **kwargs))


class AttributeFactory(DjangoModelFactory):
    class Meta:
        model = Attribute

    name = factory.Sequence(lambda n: f"attribute_{n}")
    label = factory.LazyAttribute(lambda attribute: attribute.name.replace("_", " ").capitalize())


class AudienceFactory(DjangoModelFactory):
    """An audience by rule, of everybody below the root; with `members` a fixed list."""

    class Meta:
        model = Audience
        skip_postgeneration_save = True

    label = factory.Sequence(lambda n: f"Audience {n}")
    unit = factory.LazyFunction(root)
    rule: dict = {}

    @classmethod
    def _create(cls, model_class: type[Audience], *args: Any, **kwargs: Any) -> Audience:
        members: list[Profile] | None = kwargs.pop("members", None)
        if members is not None:
            kwargs["kind"] = Audience.Kind.LIST
        audience = super()._create(model_class, *args, **kwargs)
        AudienceMember.objects.bulk_create(
            AudienceMember(audience=audience, profile=profile) for profile in members or ()
        )
        return audience


class ServiceFactory(DjangoModelFactory):
    """A service whose text is in force, so that its form takes sign-ups."""

    class Meta:
        model = Service

    label = factory.Sequence(lambda n: f"News {n}")
    public_name = factory.LazyAttribute(lambda service: f"{service.label} for you")
    unit = factory.LazyFunction(root)

    @classmethod
    def _create(cls, model_class: type[Service], *args: Any, **kwargs: Any) -> Service:
        made = super()._create(model_class, *args, **kwargs)
        words = texts.shipped()
        made.text = ServiceText.objects.create(
            service=made, number=1, words=words, seal=texts.fingerprint(made, 1, words), at=clock.now(),
            activated_at=clock.now(),
        )  # fmt: skip
        made.save(update_fields=["text"])
        return made


class TestProfileFactory(DjangoModelFactory):
    __test__ = False

    class Meta:
        model = TestProfile

    label = factory.Sequence(lambda n: f"Test profile {n}")
    unit = factory.LazyFunction(root)
    email = factory.Sequence(lambda n: f"proof{n}@sinete.example")
    values = factory.LazyFunction(lambda: {"first_name": "Ana", "last_name": "Souza"})
