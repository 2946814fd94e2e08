"""What is said to whoever may not do or give something."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User
from accounts.rights import Right
from campaign.lib.refusals import Forbidden, Refusal


class NotAllowed(Forbidden):
    message = _("You don't have the right “%(right)s” here.")

    def __init__(self, *, by: User, right: Right, target: models.Model) -> None:
        self.by, self.right, self.target = by, right, target
        super().__init__(right=right.label)


class SelfGrant(Refusal):
    message = _("Nobody can give “%(role)s” to themselves: ask another administrator.")
    code = "self_grant"


class NeedsAnother(Refusal):
    message = _(
        "“%(user)s” is in the hands of %(holders)s, who made the account or set its password or address. Only another "
        "administrator can give Start or Approve to it, one whose own right %(holders)s did not give."
    )
    code = "needs_another"


class UnknownPerson(Refusal):
    message = _(
        "There is no “%(user)s” among the people whom you administer: ask an administrator of a unit above."
    )
    code = "unknown_person"
