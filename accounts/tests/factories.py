"""People and units for tests: `UserFactory(roles={"prepare": unit})` holds that role there."""

from typing import Any

import factory
from allauth.account.models import EmailAddress
from factory.django import DjangoModelFactory

from accounts import access
from accounts.models import ApprovalPolicy, OrganizationalUnit, Role, User
from accounts.roles import root
from accounts.units import units

PASSWORD = "correct horse battery staple"


class UnitFactory(DjangoModelFactory):
    """A unit below the root, or below `parent`; its path is right because the verb makes it.

    A rule that is looser than what is asked above loosens that too: what a test begins with can really be.
    """

    class Meta:
        model = OrganizationalUnit

    label = factory.Sequence(lambda n: f"Unit {n}")
    parent = factory.LazyFunction(root)

    @classmethod
    def _create(cls, model_class: type[OrganizationalUnit], *args: Any, **kwargs: Any) -> OrganizationalUnit:
        policy, parent = kwargs.get("approval_policy"), kwargs.get("parent")
        if policy is not None and parent is not None:
            above = OrganizationalUnit.objects.filter(pk__in=parent.lineage)
            stricter = [one for one in ApprovalPolicy if one.tightness > ApprovalPolicy(policy).tightness]
            above.filter(approval_policy__in=stricter).update(approval_policy=policy)
        return units.create_unit(**kwargs)


class UserFactory(DjangoModelFactory):
    """An active person; `roles` maps a role's code to a unit or to a list of units."""

    class Meta:
        model = User
        skip_postgeneration_save = True

    username = factory.Sequence(lambda n: f"user{n}")
    first_name = factory.Faker("first_name")
    last_name = factory.Faker("last_name")
    email = factory.LazyAttribute(lambda user: f"{user.username}@sinete.example")

    @classmethod
    def _create(cls, model_class: type[User], *args: Any, **kwargs: Any) -> User:
        kwargs.setdefault("password", PASSWORD)
        is_verified = kwargs.pop("verified", True)
        user = model_class.objects.create_user(*args, **kwargs)
        if user.email:
            address = EmailAddress(user=user, email=user.email.lower(), verified=is_verified, primary=True)
            EmailAddress.objects.bulk_create([address], ignore_conflicts=True)
        return user

    @factory.post_generation
    def roles(user: User, create: bool, extracted: dict[str, Any] | None, **kwargs: Any) -> None:  # noqa: N805  the object that was made
        for code, where in (extracted or {}).items():
            for unit in where if isinstance(where, list | tuple) else [where]:
                access.grant(user=user, role=Role.objects.get(pk=code), unit=unit, by=None)
