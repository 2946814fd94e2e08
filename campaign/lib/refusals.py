"""A rule said no, in words for people."""

from typing import Any, ClassVar

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _


class Refusal(Exception):
    """Expected: shown to the person as it reads, and not logged as an error.

    A subclass sets `message`, a translatable text with named slots (`%(by)s`), and is raised with
    the slots' values: `raise SelfApproval(by=by)`.
    """

    message: ClassVar[str | Promise] = _("This can't be done now.")
    code: ClassVar[str] = "refused"
    field: ClassVar[str] = ""  # of a form, by name, where the refusal is about one
    exit_code: ClassVar[int] = 1  # of a command; 2 where the call itself makes no sense

    def __init__(self, **slots: Any) -> None:
        self.slots = slots
        super().__init__(slots)

    def __str__(self) -> str:
        return str(self.message) % self.slots if self.slots else str(self.message)


class Forbidden(Refusal):
    """The person may not do this here; pages answer 403."""

    message = _("You don't have the rights for this.")
    code = "forbidden"
