"""Files that go along with a delivery, chosen in a form."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext_lazy as _

from deliveries.drafting.attachments import Upload


class _SeveralFiles(forms.FileInput):
    allow_multiple_selected = True


class FilesField(forms.FileField):
    """Several files at once; its value is a list of them. What may be attached the verb decides."""

    def __init__(self, **options: Any) -> None:
        options.setdefault("widget", _SeveralFiles())
        options.setdefault("label", _("Files to attach"))
        super().__init__(**options)

    def clean(self, data: Any, initial: Any = None) -> list[UploadedFile]:
        files = data if isinstance(data, list | tuple) else [data]
        if not any(files):
            return super().clean(None, initial) or []
        return [file for file in files if file]


class Attach(forms.Form):
    files = FilesField()


def uploads_of(files: Sequence[UploadedFile]) -> list[Upload]:
    """Return posted files as the verbs take them."""
    return [Upload(file.name or "", file.file) for file in files]
