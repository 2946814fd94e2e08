"""Words of the operators' desk that django-unfold brings in English alone.

Named here, they are found by makemessages and translated in our catalogue; nothing imports this file.
"""

from django.utils.translation import gettext_noop as n_
from django.utils.translation import ngettext_lazy

WORDS = (
    n_("Add row"),
    n_("All applications"),
    n_("Apply Filters"),
    n_("Choose file to upload"),
    n_("Click to cancel"),
    n_("Click to download"),
    n_("Dark"),
    n_("Date from"),
    n_("Date to"),
    n_("Expand row"),
    n_("False"),
    n_("Toggle sorting"),  # Django's own Portuguese has a slip there
    n_("Forgotten your password or username?"),
    n_("From"),
    n_("Go back"),
    n_("Group"),
    n_("Group permissions"),
    n_("Image preview"),
    n_("Light"),
    n_("Loading more results..."),
    n_("Manage group"),
    n_("Manage user"),
    n_("More actions"),
    n_("No data"),
    n_("No recent searches"),
    n_("No results found"),
    n_("No results matching your query"),
    n_("Object"),
    n_("Object permissions"),
    n_("Recent searches"),
    n_("Record picture"),
    n_("Reset filters"),
    n_("Return to site"),
    n_("Run"),
    n_("Search apps and models..."),
    n_("Select action"),
    n_("Select action to run"),
    n_("Select all rows"),
    n_("Select record"),
    n_("Select value"),
    n_("System"),
    n_("This item will be deleted."),
    n_("This page yielded into no results. Create a new item or reset your filters."),
    n_("To"),
    n_("Toggle password visibility"),
    n_("True"),
    n_("Type to search"),
    n_("User permissions"),
    n_("Welcome back to"),
    n_("You have been successfully logged out from the administration"),
)
FOUND = ngettext_lazy(
    "\n                Found %(counter)s result in %(time)s seconds\n            ",
    "\n                Found %(counter)s results in %(time)s seconds\n            ",
)
