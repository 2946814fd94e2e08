"""The people of the demo: one for each role, and one in a parallel unit who may not see their work."""

from allauth.account.models import EmailAddress
from django.db import transaction

from accounts import access, roles
from accounts.demo_accounts import ACCOUNTS, BRAZIL, COMPANY, EUROPE, PASSWORD, DemoAccount
from accounts.models import ApprovalPolicy, OrganizationalUnit, Role, User
from accounts.units import units


@transaction.atomic
def load() -> dict[str, OrganizationalUnit]:
    """The units and the people of the demo exist, each with its roles; whatever exists already stays."""
    tree = _units()
    for account in ACCOUNTS:
        user = _user(account, home=tree[account.unit or roles.ROOT_LABEL])
        held = [(role, tree[account.unit or roles.ROOT_LABEL]) for role in account.roles]
        held += [(role, tree[roles.ROOT_LABEL]) for role in account.roles_above_all]
        for role, unit in held:
            access.grant(user=user, role=Role.objects.get(pk=role), unit=unit, by=None)
    return tree


def _units() -> dict[str, OrganizationalUnit]:
    root = roles.root()
    company = _unit(COMPANY, root, ApprovalPolicy.ONE)
    return {
        root.label: root,
        COMPANY: company,
        BRAZIL: _unit(BRAZIL, company, ApprovalPolicy.ONE),
        EUROPE: _unit(EUROPE, company, ApprovalPolicy.FOUR_EYES),
    }


def _unit(label: str, parent: OrganizationalUnit, policy: ApprovalPolicy) -> OrganizationalUnit:
    found = OrganizationalUnit.objects.filter(label=label, parent=parent).first()
    return found or units.create_unit(label=label, parent=parent, approval_policy=policy)


def _user(account: DemoAccount, *, home: OrganizationalUnit) -> User:
    first, last = account.name
    user = User.objects.filter(username=account.username).first()
    if user is not None:
        return user
    made = User.objects.create_user(
        username=account.username,
        password=PASSWORD,
        email=f"{account.username}@serra-alta.example",
        first_name=first,
        last_name=last,
        home_unit=home,
        is_staff=account.enters_desk,
        is_superuser=account.is_superuser,
    )
    EmailAddress.objects.create(user=made, email=made.email, verified=True, primary=True)
    return made
