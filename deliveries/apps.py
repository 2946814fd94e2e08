from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class DeliveriesConfig(AppConfig):
    name = "deliveries"
    verbose_name = _("Deliveries")

    def ready(self) -> None:
        from accounts.units import units
        from audiences.fields import attributes
        from deliveries.commands import base
        from deliveries.drafting import attribute_uses
        from deliveries.operations import affected
        from deliveries.overview import state
        from deliveries.retention import holds
        from deliveries.sending.control import halts

        base.worded_by(state.words)
        attributes.used_by(attribute_uses.find)
        units.before_moving(halts.refuse_escape)
        units.before_moving(holds.refuse_escape)
        units.counts_affected(affected.count)
