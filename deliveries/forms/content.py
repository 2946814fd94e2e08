"""What a delivery says, written or uploaded."""

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from deliveries.drafting import uploads
from deliveries.forms.sender import SenderChoice
from deliveries.models import Content, Delivery, Sender
from deliveries.models.content import PARTS

SENDERS_PARTS = ("from_name", "from_address", "reply_to")


class Unfinished(forms.CharField):
    """A part that a message needs and a draft may lack: the preparation reports it, the form does not."""

    def validate(self, value: Any) -> None:
        self.run_validators(value)


class Write(forms.Form):
    """The parts of a content version."""

    use_required_attribute = False

    subject = Unfinished(strip=False, max_length=2_000, label=_("Subject"))
    preheader = forms.CharField(
        required=False,
        strip=False,
        max_length=2_000,
        label=_("Preheader"),
        help_text=_("The words that inboxes show after the subject."),
    )
    sender = SenderChoice(help_text=_("Fills in name, address and replies, and brings its route along."))
    from_name = forms.CharField(required=False, max_length=200, label=_("Sender's name"))
    from_address = Unfinished(
        max_length=320, widget=forms.TextInput({"list": "senders"}), label=_("Sender's address")
    )
    reply_to = forms.CharField(
        required=False, max_length=320, label=_("Reply to"), help_text=_("Empty: the sender's address.")
    )
    html = Unfinished(
        strip=False,
        max_length=uploads.MOST_HTML_BYTES,
        widget=forms.Textarea(
            attrs={"rows": 22, "class": "editor__code", "spellcheck": "false", "wrap": "off"}
        ),
        label=_("HTML"),
    )
    text = forms.CharField(
        required=False,
        strip=False,
        max_length=uploads.MOST_HTML_BYTES,
        widget=forms.Textarea(attrs={"rows": 8, "class": "editor__code", "spellcheck": "false"}),
        label=_("Text part"),
        help_text=_("Leave it empty to have one made from the HTML."),
    )

    # The version that the editor showed, so that nobody overwrites what a colleague saved meanwhile.
    base = forms.IntegerField(required=False, widget=forms.HiddenInput)
    # The page on which it is written: under this name it is kept until it is saved.
    draft = forms.CharField(required=False, max_length=32, widget=forms.HiddenInput)

    def __init__(self, *args: Any, delivery: Delivery | None = None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if delivery is not None:
            self.fields["sender"].offer(delivery.unit.lineage)
            said = self.initial.get("from_address")
            known = self.fields["sender"].queryset.filter(address=said).first() if said else None
            self.initial.setdefault("sender", known and known.pk)

    @property
    def parts(self) -> dict[str, str]:
        """Return the arguments for `drafting.write`; without those that a sender who was just chosen fills in."""
        left = set(SENDERS_PARTS) - set(self.changed_data) if self.chosen_sender else set()
        return {part: self.cleaned_data[part] for part in PARTS if part not in left}

    @property
    def chosen_sender(self) -> Sender | None:
        """The sender that was chosen from the list just now; None where it was left as it was."""
        return self.cleaned_data.get("sender") if "sender" in self.changed_data else None

    def is_of(self, latest: Content | None) -> bool:
        """Whether the editor was opened on the latest version."""
        base = self.cleaned_data.get("base")
        return base is None or base == (latest.number if latest else 0)

    def take_up(self, latest: Content) -> None:
        """Say that a newer version exists; saving once more then counts as intended."""
        text = _(
            "Version %(number)s was saved by %(by)s while you wrote. "
            "Your text stands below: save it to make it the next version."
        )
        values = {"number": latest.number, "by": str(latest.author or "–")}
        self.add_error(None, ValidationError(text, params=values))
        self.data = self.data.copy()
        self.data["base"] = str(latest.number)

    def clean_html(self) -> str:
        return _plain_lines(self.cleaned_data["html"])

    def clean_text(self) -> str:
        return _plain_lines(self.cleaned_data["text"])


def _plain_lines(text: str) -> str:
    """Return the text with the author's line ends: browsers post CRLF, and that alone makes no version."""
    return text.replace("\r\n", "\n").replace("\x00", "")


class UploadContent(forms.Form):
    file = forms.FileField(
        label=_("HTML file, or zip with its pictures"),
        help_text=_("Up to 20 MB. Pictures: PNG, JPEG, GIF or WebP."),
        widget=forms.FileInput(attrs={"accept": ".html,.htm,.zip"}),
    )

    def clean_file(self) -> Any:
        """Return the file. Raise ValidationError where it is larger than may be."""
        file = self.cleaned_data["file"]
        if file.size > uploads.MOST_BYTES:
            raise ValidationError(_("The file is larger than 20 MB."))
        return file
