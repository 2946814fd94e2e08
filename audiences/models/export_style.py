"""How a person's files are written."""

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import User


class ExportStyle(models.Model):
    """The delimiter and the encoding that a person chose last for what they export."""

    class Delimiter(models.TextChoices):
        COMMA = ",", _("Comma")
        SEMICOLON = ";", _("Semicolon, as Excel opens it in Brazil")
        TAB = "\t", _("Tab")

    class Encoding(models.TextChoices):
        MARKED = "utf-8-sig", _("UTF-8 with a mark, for Excel")
        UTF_8 = "utf-8", _("UTF-8")
        UTF_16 = "utf-16", _("UTF-16")

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="+")
    delimiter = models.CharField(max_length=1, choices=Delimiter.choices, default=Delimiter.COMMA)
    encoding = models.CharField(max_length=16, choices=Encoding.choices, default=Encoding.MARKED)

    class Meta:
        verbose_name = _("style of exports")
        verbose_name_plural = _("styles of exports")

    def __str__(self) -> str:
        return f"{self.delimiter} {self.encoding}"
