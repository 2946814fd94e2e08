"""The columns of a file: what each is, and those that are to become attributes."""

from django.utils.translation import gettext_noop as n_

from accounts.models import User
from audiences.fields import attributes
from audiences.imports.columns import headers
from audiences.imports.columns.chosen import Chosen
from audiences.imports.columns.headers import Mapping
from audiences.imports.report import Problems
from audiences.models import Attribute

MAY_NOT_DECLARE = n_(
    "No attribute is declared for these columns: %(columns)s. %(who)s Without “Declare columns” the other columns are "
    "imported."
)
TOO_MANY_NEW = n_(
    "There are %(there)d attributes of at most %(most)d. These columns are beyond it: %(columns)s. Take them out of "
    "the file, import it without “Declare columns”, or have attributes removed that nobody needs."
)


def mapped(header: list[str], chosen: Chosen, *, declares: bool) -> Mapping:
    """Which field each column of a file is, by its name or as it was chosen; `declares`: unknown ones become new."""
    kinds = dict(Attribute.objects.values_list("name", "kind"))
    mapping = headers.mapped(header, kinds)
    chosen.apply(mapping, kinds, declares=declares)
    return mapping


def can_be_declared(mapping: Mapping, *, by: User | None, line: int, problems: Problems) -> bool:
    """Whether all unknown columns can become attributes; else the report says which can't, and why."""
    unknown = mapping.new
    if by is None or not attributes.may_declare(by):
        columns_ = attributes.listed([column.header for column in unknown])
        problems.add(line, "", MAY_NOT_DECLARE, {"columns": columns_, "who": attributes.who_declares()})
        return False
    if len(unknown) > (room := attributes.room()):
        beyond = attributes.listed([column.header for column in unknown[room:]])
        there = Attribute.objects.count()
        slots = {"there": there, "most": attributes.most(), "columns": beyond}
        problems.add(line, "", TOO_MANY_NEW, slots)
        return False
    return True


def declare(mapping: Mapping, *, by: User) -> None:
    """Make an attribute of each unknown column; raises as `attributes.declare` does."""
    new = [
        Attribute(name=column.name, label=_label(column.header), kind=column.kind) for column in mapping.new
    ]
    attributes.declare(attributes=new, by=by)


def _label(header: str) -> str:
    """A header as people would write it: last_order_on becomes Last order on."""
    words = header.replace("_", " ").strip()[:128]
    return words if any(letter.isupper() for letter in words) else words.capitalize()
