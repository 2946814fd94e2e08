"""Pages of a list at the desk that is counted so far and no further: the first page of a million rows comes at once."""

from typing import Any

from django.core.paginator import Paginator
from django.utils.functional import cached_property

from campaign.lib.keyset import MOST_COUNTED, bounded_count


class BoundedPaginator(Paginator):
    """Of more rows than MOST_COUNTED it has the first ones; filters and the search find the others."""

    template_name = "admin/_bounded_pages.html"
    most = MOST_COUNTED

    @cached_property
    def _counted(self) -> int:
        rows: Any = self.object_list
        return bounded_count(rows, most=self.most)

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.most)

    @property
    def is_counted(self) -> bool:
        """Whether these are all rows."""
        return self._counted <= self.most
