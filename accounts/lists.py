"""Lists that people look through: in an order of theirs, so many rows at a time, and as they were left."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from accounts import remembering
from accounts.models import User
from campaign.lib import in_time
from campaign.lib.keyset import MOST_COUNTED, PAGE_ROWS, KeyPage, bounded_count, sorted_page

SIZES = (25, 50, 100)
CHOSEN = "chosen"  # in an address: the person chose this, so it is remembered; a link from elsewhere says no such thing


@dataclass(frozen=True)
class Order:
    """An order of a list: an expression that is never null, and whether its largest comes first when it is chosen.

    With `few_only` it is for a list that was counted to its end: of more rows all would have to be looked at.
    """

    label: str | Promise
    key: Any
    largest_first: bool = False
    few_only: bool = False


def in_order(rows: QuerySet[Any], order: Order, *, reverse: bool = False) -> QuerySet[Any]:
    """The rows in this order, whole; of the same value the key of the row decides, as on the page."""
    sign = "-" if order.largest_first != reverse else ""
    return rows.annotate(sort_key=order.key).order_by(f"{sign}sort_key", f"{sign}pk")


class ListForm(forms.Form):
    """The filters of a list; a subclass has fields of its own and its orders, the first being that of the list."""

    orders: dict[str, Order] = {}
    # Milliseconds that counting may take; None: as long as it takes. Of a list with `quick` the rows come first, and
    # their number with them where it is known so soon.
    patience: int | None = None
    quick: int | None = None
    is_long = False  # more rows than are counted, or nobody could count them in time

    sort = forms.CharField(required=False, max_length=40, widget=forms.HiddenInput)
    rows: Any = forms.TypedChoiceField(
        required=False, coerce=int, empty_value=None, label=_("Rows"),
        choices=[(size, str(size)) for size in SIZES],
    )  # fmt: skip

    @property
    def order(self) -> tuple[str, bool]:
        """The order that was asked for, and whether its largest comes first; else that of the list."""
        asked = self.cleaned_data.get("sort", "") if self.is_valid() else ""
        name = asked.removeprefix("-")
        if name in self.orders and self.offers(name):
            return name, asked.startswith("-")
        first = next(iter(self.orders))
        return first, self.orders[first].largest_first

    def offers(self, name: str) -> bool:
        """Whether the list, as it is narrowed now, can be put into this order."""
        return not (self.is_long and self.orders[name].few_only)

    @property
    def size(self) -> int:
        return self.cleaned_data.get("rows") or PAGE_ROWS if self.is_valid() else PAGE_ROWS

    @property
    def narrows(self) -> bool:
        """Whether anything but the order and the number of rows was chosen."""
        chosen = self.cleaned_data if self.is_valid() else {}
        return any(value for name, value in chosen.items() if name not in ("sort", "rows"))

    def page(self, rows: QuerySet[Any], *, before: Any, after: Any) -> KeyPage:
        """One page of the rows in the order that was asked for, with their number as far as it is counted.

        Where that takes longer than `quick` the number follows: whoever shows the page asks for `count`.
        """
        counts_first = self.quick is None or self.orders[self.order[0]].few_only
        total = self.count(rows) if counts_first else None
        name, largest_first = self.order
        page = sorted_page(
            rows, key=self.orders[name].key, largest_first=largest_first, before=before, after=after, size=self.size
        )  # fmt: skip
        if not counts_first:
            is_whole = page.newer is None and page.older is None
            total = len(page.rows) if is_whole else self.count(rows, patience=self.quick)
            page.count_follows = total is None
        page.total = total
        return page

    def count(self, rows: QuerySet[Any], *, patience: int | None = None) -> int | None:
        """How many rows there are, as far as they are counted; None where that takes longer than the patience."""
        try:
            total = self._counted(rows, patience or self.patience)
        except in_time.TooSlow:
            total = None
        self.is_long = total is None or total > MOST_COUNTED
        return total

    def _counted(self, rows: QuerySet[Any], patience: int | None) -> int:
        if patience is None:
            return bounded_count(rows)
        with in_time.at_most(patience):
            return bounded_count(rows)


def as_it_was_left(
    request: HttpRequest, *, name: str, form: type[ListForm], user: User, aside: Collection[str] = ()
) -> HttpResponse | None:
    """Lead to the list as the person left it where the address says nothing; remember what they choose now.

    None where the list is to be shown as the address has it. What the fields `aside` say is not remembered.
    """
    known = [field for field in form.base_fields if field in request.GET and field not in aside]
    if CHOSEN in request.GET and request.method == "GET":
        remembering.remember(user=user, name=name, values={field: request.GET[field] for field in known})
    if request.GET:
        return None
    left = remembering.recall(user, name)
    return redirect(f"{request.path}?{urlencode(left)}") if left else None
