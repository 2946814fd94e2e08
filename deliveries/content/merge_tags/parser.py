"""An expression, read from the tokens of a tag; what it doesn't know it refuses."""

import re

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
)
from deliveries.content.merge_tags.problem import Problem
from deliveries.content.merge_tags.tokens import Token, Tokens
from deliveries.content.merge_tags.vocabulary import FILTERS, KEYWORDS, SYSTEM_NAMES, TESTS

DEEPEST_EXPRESSION = 40
_ESCAPE = re.compile(r"\\[^\\\"']")  # a line break written as an escape would end a header or a line


class ExpressionParser:
    """Reads the expressions of one tag. Each method reads what binds tighter than the one that calls it.

    What binds how tightly is minijinja's: a sign tighter than a filter, `~` tighter than + and looser than *.
    """

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens
        self._depth = 0

    def expression(self) -> Expression:
        """Read what stands next as an expression: or [if or [else expression]].

        Raise Problem where it is none, uses what isn't in the vocabulary, or is nested too deeply.
        """
        self._descend()
        value = self._either()
        while self._tokens.skip_name("if"):
            condition = self._either()
            otherwise = self.expression() if self._tokens.skip_name("else") else None
            value = Choice(condition, value, otherwise)
        self._depth -= 1
        return value

    def _either(self) -> Expression:
        value = self._both()
        while self._tokens.skip_name("or"):
            value = Binary("or", value, self._both())
        return value

    def _both(self) -> Expression:
        value = self._negation()
        while self._tokens.skip_name("and"):
            value = Binary("and", value, self._negation())
        return value

    def _negation(self) -> Expression:
        if self._tokens.skip_name("not"):
            self._descend()
            value = Unary("not", self._negation())
            self._depth -= 1
            return value
        return self._comparison()

    def _comparison(self) -> Expression:
        left = self._sum()
        operator = self._comparison_operator()
        if not operator:
            return left
        value = Binary(operator, left, self._sum())
        if self._comparison_operator():
            raise self._tokens.problem(
                n_("Compare two things at a time and join the comparisons with “and”.")
            )
        return value

    def _comparison_operator(self) -> str:
        if self._tokens.token.kind == "operator" and self._tokens.token.value in (
            "==",
            "!=",
            "<",
            "<=",
            ">",
            ">=",
        ):
            return self._tokens.advance().value
        if self._tokens.skip_name("in"):
            return "in"
        if self._tokens.token == Token("name", "not"):
            self._tokens.advance()
            if not self._tokens.skip_name("in"):
                raise self._tokens.unexpected()
            return "not in"
        return ""

    def _sum(self) -> Expression:
        value = self._joined()
        while operator := self._tokens.skip("+", "-"):
            value = Binary(operator, value, self._joined())
        return value

    def _joined(self) -> Expression:
        value = self._product()
        while self._tokens.skip("~"):
            value = Binary("~", value, self._product())
        return value

    def _product(self) -> Expression:
        value = self._filtered()
        while operator := self._tokens.skip("*", "//", "/", "%"):
            value = Binary(operator, value, self._filtered())
        return value

    def _signed(self) -> Expression:
        if self._tokens.skip("-"):
            self._descend()
            value = Unary("-", self._signed())
            self._depth -= 1
            return value
        return self._primary()

    def _filtered(self) -> Expression:
        value = self._signed()
        while True:
            if self._tokens.skip("|"):
                name = self._tokens.take_name()
                if name not in FILTERS:
                    raise Problem("unknown_filter", n_("There is no filter “%(name)s”."), name=name)
                value = Filter(value, name, self._arguments())
            elif self._tokens.skip_name("is"):
                negated = bool(self._tokens.skip_name("not"))
                name = self._tokens.take_name()
                if name not in TESTS:
                    raise self._tokens.problem(n_("There is no test “is %(name)s”."), name=name)
                value = Test(value, name.lower(), self._arguments() or self._bare_argument(name), negated)
            elif self._tokens.token.value in (".", "[", "(") and self._tokens.token.kind == "operator":
                raise Problem(
                    "template_not_allowed",
                    n_(
                        "Looking into a value and calling it are not available here; use a filter, as in |upper."
                    ),
                )
            else:
                return value

    def _arguments(self) -> tuple[Expression, ...]:
        if not self._tokens.skip("("):
            return ()
        return self._items(")")

    def _bare_argument(self, test: str) -> tuple[Expression, ...]:
        takes_one = test in ("startingwith", "endingwith", "eq", "equalto", "ne")
        return (self._primary(),) if takes_one else ()

    def _items(self, closing: str) -> tuple[Expression, ...]:
        items: list[Expression] = []
        while not self._tokens.skip(closing):
            if items:
                self._tokens.expect(",")
                if self._tokens.skip(closing):
                    break
            items.append(self.expression())
        return tuple(items)

    def _primary(self) -> Expression:
        token = self._tokens.token
        if token.kind == "string":
            if _ESCAPE.search(token.value):
                raise self._tokens.problem(n_("In a text only \\\\, \\\" and \\' may follow a backslash."))
            self._tokens.advance()
            return Const(token.value, "text")
        if token.kind == "number":
            self._tokens.advance()
            return Const(token.value, "number")
        if self._tokens.skip("("):
            value = self.expression()
            self._tokens.expect(")")
            return value
        if self._tokens.skip("["):
            return Listing(self._items("]"))
        if token.kind == "name":
            return self._named()
        raise self._tokens.unexpected()

    def _named(self) -> Expression:
        name = self._tokens.take_name()
        if name.lower() in ("true", "false"):
            return Const(name.lower(), "yes_no")
        if name.lower() == "none":
            return Const("none", "none")
        if name in KEYWORDS:
            raise self._tokens.problem(n_("“%(found)s” is not expected here."), found=name)
        if name == "profile":
            return self._profile_field()
        path = [name]
        while name not in SYSTEM_NAMES and self._tokens.skip("."):
            path.append(self._tokens.take_name())
        return Name(name) if len(path) == 1 else Unknown(".".join(path))

    def _profile_field(self) -> Expression:
        if not self._tokens.skip("."):
            raise Problem(
                "profile_access",
                n_(
                    "The profile can't be used as a whole or looked into by a computed name; write profile.field."
                ),
            )
        return ProfileField(self._tokens.take_name())

    def _descend(self) -> None:
        self._depth += 1
        if self._depth > DEEPEST_EXPRESSION:
            raise self._tokens.problem(n_("This expression is nested too deeply."))
