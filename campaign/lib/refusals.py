"""A rule said no, in words for people."""

from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db.models import Model
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


class UnfitValue(Refusal):
    message = _("%(field)s: %(problem)s")
    code = "unfit_value"
    exit_code = 2


def require_fit(row: Model, *names: str) -> None:
    """Raise UnfitValue, which names the field, unless these of the row are as its columns want them.

    A form has looked before; a command has not.
    """
    try:
        row.clean_fields(exclude={field.name for field in row._meta.fields} - {*names})
    except ValidationError as error:
        name, problems = next(iter(error.message_dict.items()))
        field: Any = row._meta.get_field(name)
        raise UnfitValue(field=field.verbose_name, problem=" ".join(problems)) from None
