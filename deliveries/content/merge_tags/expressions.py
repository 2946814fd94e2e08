"""What the expressions of merge tags are made of."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class Const:
    source: str
    kind: Literal["text", "number", "yes_no", "none"]


@dataclass(frozen=True)
class Name:
    name: str


@dataclass(frozen=True)
class ProfileField:
    name: str


@dataclass(frozen=True)
class Unknown:
    """Reads from a name that nothing is known about, such as `order.total`."""

    name: str


@dataclass(frozen=True)
class Listing:
    items: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Unary:
    operator: str
    operand: "Expression"


@dataclass(frozen=True)
class Binary:
    operator: str
    left: "Expression"
    right: "Expression"


@dataclass(frozen=True)
class Test:
    operand: "Expression"
    name: str
    arguments: "tuple[Expression, ...]"
    is_negated: bool


@dataclass(frozen=True)
class Filter:
    operand: "Expression"
    name: str
    arguments: "tuple[Expression, ...]"


@dataclass(frozen=True)
class Choice:
    condition: "Expression"
    then: "Expression"
    otherwise: "Expression | None"


Expression: TypeAlias = (
    Const | Name | ProfileField | Unknown | Listing | Unary | Binary | Test | Filter | Choice
)


def parts_of(expression: Expression) -> Iterator[Expression]:
    """Yield the expression and everything inside it, the outer before the inner."""
    yield expression
    for child in children_of(expression):
        yield from parts_of(child)


def children_of(expression: Expression) -> Iterator[Expression]:
    """Yield the expressions that stand directly in this one."""
    for value in vars(expression).values():
        for child in value if isinstance(value, tuple) else (value,):
            if hasattr(child, "__dataclass_fields__"):
                yield child
