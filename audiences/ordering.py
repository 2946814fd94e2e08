"""In what orders audiences, profiles and imports are listed: the same on pages and by command."""

from django.db.models import BigIntegerField, F, Value
from django.db.models.functions import Coalesce, Lower
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.lists import Order
from audiences.models.profile import Plain

NEW = Order(_("Newest first"), F("pk"), largest_first=True)

AUDIENCES = {
    "new": NEW,
    "label": Order(_("Audience"), Lower("label")),
    "kind": Order(_("Kind"), F("kind")),
    "unit": Order(_("Unit"), Lower("unit__label")),
    "people": Order(
        _("People"), Coalesce("counted", Value(-1), output_field=BigIntegerField()), largest_first=True
    ),
    "changed": Order(_("Changed"), F("changed_at"), largest_first=True),
}
# Only the newest first is read from an index: the others are for as many profiles as are counted.
PROFILES = {
    "new": NEW,
    "name": Order(_("Name"), Plain("first_name", "last_name"), few_only=True),
    "email": Order(_("Email"), Lower("email"), few_only=True),
    "city": Order(_("City"), Plain("city"), few_only=True),
    "language": Order(_("Language"), Lower("language"), few_only=True),
    "unit": Order(_("Unit"), Lower("unit__label"), few_only=True),
}
IMPORTS = {
    "new": NEW,
    "file": Order(_("File"), Lower("file_name")),
    "status": Order(_("Status"), F("status")),
    "rows": Order(_("Rows read"), F("rows_read"), largest_first=True),
    "created": Order(pgettext_lazy("profiles", "New"), F("created"), largest_first=True),
    "changed": Order(pgettext_lazy("profiles", "Changed"), F("updated"), largest_first=True),
    "by": Order(_("By"), Coalesce(Lower("started_by__first_name"), Value(""))),
}
