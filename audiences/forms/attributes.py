"""The form of an attribute."""

from django import forms
from django.utils.translation import gettext_lazy as _

from audiences.models import Attribute


class AttributeForm(forms.ModelForm):
    """A new attribute; the verb decides."""

    class Meta:
        model = Attribute
        fields = ["name", "label", "kind"]
        help_texts = {
            "name": _("What a content writes after “profile.”, such as points; it can't be changed later.")
        }
