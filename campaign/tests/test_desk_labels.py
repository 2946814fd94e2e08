"""Each field that the desk shows has a name of ours, which is translated; Django's own, made of its code, is English."""

from typing import Any

import pytest
from django.contrib import admin
from django.contrib.admin.utils import flatten, flatten_fieldsets
from django.utils.functional import Promise

# A key; and what stands on no page of the desk, or has its name in the form.
ASIDE = {"id", "deliveries.DeliveryUserPermission.user", "deliveries.Instance.nonce"}


def shown(model: Any, desk: Any) -> set[str]:
    """The names of the fields on the desk's list and page of a model."""
    if desk.fieldsets:
        on_page = flatten_fieldsets(desk.fieldsets)
    elif desk.fields:
        on_page = flatten(desk.fields)
    else:
        meant = getattr(getattr(desk.form, "_meta", None), "fields", None)
        editable = [field.name for field in model._meta.fields if field.editable and not field.primary_key]
        on_page = meant or [name for name in editable if name not in (desk.exclude or ())]
    return {name for name in (*on_page, *desk.list_display, *desk.readonly_fields) if isinstance(name, str)}


@pytest.mark.parametrize("model", admin.site._registry, ids=lambda model: model._meta.label)
def test_no_label_is_made_of_a_field_s_code(model: Any) -> None:
    desk = admin.site._registry[model]
    names = {name for name in shown(model, desk) if not hasattr(desk, name)}

    nameless = [
        field.name
        for field in model._meta.get_fields()
        if field.name in names and hasattr(field, "verbose_name") and not isinstance(field.verbose_name, Promise)
    ]  # fmt: skip

    assert [name for name in nameless if not {name, f"{model._meta.label}.{name}"} & ASIDE] == []
