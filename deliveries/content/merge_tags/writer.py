"""Expressions as they will run: an empty value, or one of another kind, is no surprise while sending."""

from collections.abc import Collection, Mapping

from django.utils.translation import gettext_noop as n_

from deliveries.content.merge_tags.expressions import (
    Binary,
    Choice,
    Const,
    Expression,
    Filter,
    Listing,
    Name,
    ProfileField,
    Test,
    Unary,
    Unknown,
    parts_of,
)
from deliveries.content.merge_tags.kinds import ARITHMETIC, kind_of
from deliveries.content.merge_tags.own_addresses import SYSTEM_EXPRESSIONS
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.vocabulary import SYSTEM_NAMES
from deliveries.content.source import Field

MAX_WRITTEN = 20_000  # characters of one expression
NUMERIC_FILTERS = frozenset({"round", "abs", "int", "float"})
NUMERIC_TESTS = frozenset({"odd", "even"})
_ORDER = frozenset({"<", "<=", ">", ">="})


class ExpressionWriter:
    """Writes expressions anew. `used` gets the name of each field of the profile that one reads."""

    def __init__(self, fields: Mapping[str, Field], *, variables: Collection[str], used: set[str]) -> None:
        self._fields, self._variables, self.used = fields, frozenset(variables), used
        self._names = self._variables | SYSTEM_NAMES

    def unknown_name(self, part: Expression) -> str:
        """Return the name that this part reads and nobody declared; else nothing. What is inside is not looked at."""
        if isinstance(part, ProfileField) and part.name not in self._fields:
            return f"profile.{part.name}"
        if isinstance(part, Unknown):
            return part.name
        if isinstance(part, Name) and part.name not in self._names:
            return part.name
        return ""

    def write(self, node: Expression) -> str:
        """Return the expression as it will run; raise Problem where it can't be right for any recipient."""
        written = self._write_node(node)
        if len(written) > MAX_WRITTEN:  # an operand may be written several times: growth ends here
            raise Problem("template_not_allowed", n_("This expression is too long."))
        return written

    def _write_node(self, node: Expression) -> str:
        match node:
            case Const(source=source):
                return source
            case ProfileField(name=name) if name in self._fields:
                self.used.add(name)
                return f"profile.{name}"
            case Name(name=name) if name in SYSTEM_EXPRESSIONS:
                return SYSTEM_EXPRESSIONS[name]
            case Name(name=name) if name in self._variables:
                return name
            case Name() | ProfileField() | Unknown():
                return '""'
            case Listing(items=items):
                return "[" + ", ".join(self.write(item) for item in items) + "]"
            case Unary(operator="not", operand=operand):
                return f"(not {self.write(operand)})"
            case Unary(operand=operand):
                return f"(-{self._number(operand)})"
            case Binary():
                return self._binary(node)
            case Test():
                return self._test(node)
            case Filter():
                return self._filter(node)
            case Choice(condition=condition, then=then, otherwise=otherwise):
                last = self.write(otherwise) if otherwise else '""'
                return f"({self.write(then)} if {self.write(condition)} else {last})"
        raise AssertionError(node)

    def _binary(self, node: Binary) -> str:
        left, right = self.write(node.left), self.write(node.right)
        if node.operator in ARITHMETIC:
            if any(self.unknown_name(part) for part in parts_of(node)):
                return '""'
            return f"({self._number(node.left)} {node.operator} {self._number(node.right)})"
        if node.operator in _ORDER:
            self._check_comparable(node)
            guards = [self._guard(operand) for operand in (node.left, node.right)]
            return "(" + " and ".join([*filter(None, guards), f"{left} {node.operator} {right}"]) + ")"
        if node.operator in ("==", "!="):
            self._check_comparable(node)
        return f"({left} {node.operator} {right})"

    def _guard(self, operand: Expression) -> str:
        """Return what must hold before `operand` may be ordered: nothing is smaller or larger than an empty value."""
        if isinstance(operand, Const):
            return ""
        written = self.write(operand)
        return f"{written} is number" if kind_of(operand, self._fields) == "number" else f'{written} != ""'

    def _number(self, node: Expression) -> str:
        if isinstance(node, Const):
            if node.kind == "text":
                raise Problem("template_syntax", n_("A text can't be calculated with; join texts with ~."))
            return node.source
        if kind_of(node, self._fields) == "text":
            raise Problem("template_syntax", n_("A text can't be calculated with; join texts with ~."))
        written = self.write(node)
        return f"({written} if {written} is number else 0)"

    def _check_comparable(self, node: Binary) -> None:
        kinds = {kind_of(node.left, self._fields), kind_of(node.right, self._fields)}
        if kinds == {"text", "number"}:
            raise Problem(
                "template_syntax", n_("A text is compared with a number here, which is never true.")
            )

    def _test(self, node: Test) -> str:
        operand = self.write(node.operand)
        arguments = ", ".join(self.write(argument) for argument in node.arguments)
        match node.name:
            case "defined":
                written = f'({operand} != "")'
            case "undefined" | "none":
                written = f'({operand} == "")'
            case name if name in NUMERIC_TESTS:
                written = f"({operand} is number and {operand} is {name})"
            case "startingwith" | "endingwith":
                written = f"({operand}|string is {node.name}({arguments}))"
            case name:
                written = f"({operand} is {name}({arguments}))" if arguments else f"({operand} is {name})"
        return f"(not {written})" if node.is_negated else written

    def _numeric_filter(self, node: Filter, operand: str, arguments: str) -> str:
        """A number of a number, also of one that is written in a text; nothing of anything else."""
        number = operand if kind_of(node.operand, self._fields) == "number" else f"{operand}|as_number"
        name = "round|int" if node.name == "round" and not arguments else node.name + arguments
        if node.name in ("int", "float"):
            name = node.name
        return f'(({number})|{name} if ({number}) is number else "")'

    def _filter(self, node: Filter) -> str:
        operand = self.write(node.operand)
        written = [self.write(argument) for argument in node.arguments]
        arguments = f"({', '.join(written)})" if written else ""
        if node.name in ("default", "d"):
            substitute = written[0] if written else '""'
            return f'({substitute} if {operand} == "" else {operand})'
        if node.name in NUMERIC_FILTERS:
            return self._numeric_filter(node, operand, arguments)
        if node.name in ("first", "last"):
            whole = operand if isinstance(node.operand, Listing) else f"{operand}|string"
            return f'({whole}|{node.name} if {whole}|length else "")'
        if node.name == "truncate" and written:
            named = zip(("length", "killwords", "end", "leeway"), written, strict=False)
            leeway = "" if len(written) == 4 else ", leeway=0"
            return (
                f"{operand}|string|truncate({', '.join(f'{name}={value}' for name, value in named)}{leeway})"
            )
        if node.name in ("e", "escape", "urlencode", "length", "count", "date"):
            return f"{operand}|{node.name}{arguments}"
        return f"{operand}|string|{node.name}{arguments}"
