"""Whether an expression is a text, a number, a date or a yes-or-no, as far as its form tells."""

from collections.abc import Mapping

from deliveries.content.merge_tags.expressions import Binary, Const, Expression, Filter, ProfileField, Unary
from deliveries.content.source import Field

ARITHMETIC = frozenset({"+", "-", "*", "/", "//", "%"})


def kind_of(node: Expression, fields: Mapping[str, Field]) -> str:
    """Return text, number, date or yes_no; nothing where it depends on the recipient or fits every kind."""
    match node:
        case Const(kind=kind, source=source):
            return "" if source in ('""', "''") else kind
        case ProfileField(name=name) if name in fields:
            return fields[name].kind
        case Filter(name="default" | "d", operand=operand):
            return kind_of(operand, fields)
        case Filter(name="length" | "count" | "round" | "abs" | "int" | "float"):
            return "number"
        case Filter():
            return "text"
        case Binary(operator=operator):
            return "number" if operator in ARITHMETIC else "text" if operator == "~" else "yes_no"
        case Unary(operator="-"):
            return "number"
    return ""
