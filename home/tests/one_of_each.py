"""A row of each kind that the desk shows, so that each of its pages has something to show."""

from typing import Any

from django.contrib import admin
from django.contrib.auth.models import Permission
from django.db import models

from accounts.rights import Right
from accounts.roles import root
from audiences.models import Profile
from campaign.lib import clock

# Where a rule of the database, or what a page reads in it, asks for more than a value of the type.
FIT: dict[str, dict[str, Any]] = {
    "audiences.ConsentEvent": {"profile_id": lambda: Profile.objects.earliest("pk").pk},
    "deliveries.DeliveryUserPermission": {
        "permission": lambda: Permission.objects.get(codename=Right.VIEW, content_type__model="delivery")
    },
    "deliveries.LegalHold": {"unit_id": lambda: root().pk},
    "deliveries.Picture": {"data": b"x", "sha256": "a" * 64, "media_type": "image/png"},
    "deliveries.ProviderLimit": {"domains": ["example.com"]},
    "deliveries.RetentionPeriod": {"days": 90},
    "deliveries.Series": {"rule": "FREQ=DAILY"},
    "reporting.LogFilter": {"log": "sending"},
    "reporting.ScheduledReport": {"kind": "unit"},
}
BY_TYPE: dict[str, Any] = {
    "ArrayField": list,
    "BinaryField": lambda: b"x",
    "BooleanField": bool,
    "DateField": lambda: clock.now().date(),
    "DateTimeField": clock.now,
    "EmailField": lambda: "one@example.com",
    "JSONField": dict,
    "TimeField": lambda: clock.now().time(),
    "URLField": lambda: "https://example.com/",
}


def make() -> None:
    """A row of each registered kind that has none yet, with what it stands on."""
    for model in admin.site._registry:
        if model._meta.managed:
            _one(model)


def _one(model: Any) -> Any:
    found = model._default_manager.first()
    if found is None:
        [found] = model._default_manager.bulk_create([model(**_filled(model))])
    return found


def _filled(model: Any) -> dict[str, Any]:
    values = {
        field.name: _value(field)
        for field in model._meta.concrete_fields
        if not (
            field.null or field.has_default() or field.has_db_default() or isinstance(field, models.AutoField)
        )
    }
    fit = FIT.get(model._meta.label, {})
    return values | {name: value() if callable(value) else value for name, value in fit.items()}


def _value(field: Any) -> Any:
    if field.is_relation:
        return _one(field.related_model)
    if field.choices:
        return field.choices[0][0]
    kind = type(field).__name__
    if kind in BY_TYPE:
        return BY_TYPE[kind]()
    return 1 if "Integer" in kind else "x"
