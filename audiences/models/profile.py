"""Who may be contacted: profiles, the attributes that were declared for them, their consents."""

import unicodedata

from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Value
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy

from accounts.models import OrganizationalUnit, User
from campaign.lib.displays import QuickDisplays


class Plain(models.Func):
    """Its arguments joined, in lower case and without accents: what a search compares."""

    function = "sinete_plain"
    arg_joiner = " || chr(10) || "
    output_field = models.TextField()


def plain(text: str) -> models.Func:
    """A text as the search compares it."""
    return models.Func(
        Value(unicodedata.normalize("NFC", text)), function=Plain.function, output_field=models.TextField()
    )


class AddressState(models.TextChoices):
    """What reading alone tells of an email address. Only `good` ones are ever written to."""

    GOOD = "good", _("Good")
    MISSING = "missing", _("No address")
    MALFORMED = "malformed", _("Malformed")


class Profile(QuickDisplays, models.Model):
    """A person. The key of an import is `external_id` where the file has one, else the address."""

    # Unique by a constraint of its own: `unique=True` would add a second index, for LIKE, to every import.
    external_id = models.CharField(_("external id"), max_length=128, null=True, blank=True)
    unit = models.ForeignKey(
        OrganizationalUnit,
        verbose_name=_("unit"),
        on_delete=models.PROTECT,
        related_name="profiles",
        db_index=False,  # the index on (unit, id) serves
    )
    email = models.CharField(_("email"), max_length=320, blank=True, default="")
    # Lower case, domain in ASCII: what duplicates, quarantine and opt-outs compare. Empty unless `good`.
    email_key = models.CharField(max_length=320, blank=True, default="", editable=False)
    email_state = models.CharField(
        _("state of the address"), max_length=16, choices=AddressState.choices, default=AddressState.MISSING
    )
    phone = models.CharField(_("phone"), max_length=64, blank=True, default="")
    first_name = models.CharField(_("first name"), max_length=300, blank=True, default="")
    last_name = models.CharField(_("last name"), max_length=300, blank=True, default="")
    language = models.CharField(_("language"), max_length=16, blank=True, default="")
    country = models.CharField(_("country"), max_length=64, blank=True, default="")
    city = models.CharField(_("city"), max_length=128, blank=True, default="")
    time_zone = models.CharField(_("time zone"), max_length=64, blank=True, default="")
    birth_date = models.DateField(_("birth date"), null=True, blank=True)
    no_email = models.BooleanField(_("no email"), default=False)
    no_sms = models.BooleanField(_("no SMS"), default=False)
    no_contact = models.BooleanField(_("no contact by any channel"), default=False)
    # Whether opens and clicks may be measured: yes, no, or None where the person was not asked.
    track_opens = models.BooleanField(_("opens may be measured"), null=True, blank=True)
    track_clicks = models.BooleanField(_("clicks may be measured"), null=True, blank=True)
    # Something was said about a consent that nobody could read: held until a person decides. True as long as one of
    # the profile's `ConsentDoubt` rows is open.
    consent_unclear = models.BooleanField(_("consent unclear"), default=False, db_default=False)
    # name -> text, number, ISO date or true/false, as `Attribute` declares them
    attributes = models.JSONField(_("attributes"), default=dict, blank=True)
    created_at = models.DateTimeField(_("created"), auto_now_add=True)
    changed_at = models.DateTimeField(_("changed"), auto_now=True)

    class Meta:
        verbose_name = _("profile")
        verbose_name_plural = _("profiles")
        ordering = ["id"]
        indexes = [
            models.Index(fields=["email_key"], name="profile_email_key"),
            models.Index(fields=["unit", "id"], name="profile_unit"),
            # Few have none, or one that is no address: found without looking at everybody.
            models.Index(
                fields=["email_state", "id"],
                condition=~models.Q(email_state="good"),
                name="profile_no_good_address",
            ),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["external_id"],
                name="profile_external_id_once",
                violation_error_message=_("Another profile has this external id."),
            ),
            models.CheckConstraint(condition=~models.Q(external_id=""), name="profile_external_id_not_empty"),
            models.CheckConstraint(
                condition=models.Q(email_state="good", email_key__gt="")
                | (~models.Q(email_state="good") & models.Q(email_key="")),
                name="profile_key_only_of_a_good_address",
            ),
        ]

    def __str__(self) -> str:
        """Its name; without one its id: an address is not for everybody."""
        return f"{self.first_name} {self.last_name}".strip() or self.external_id or f"#{self.pk}"

    @property
    def audit_label(self) -> str:
        """How the audit trail names them: by id alone."""
        return f"#{self.pk}"


class Attribute(models.Model):
    """A custom attribute declared for profiles; its name is what a template writes after `profile.`"""

    class Kind(models.TextChoices):
        TEXT = "text", _("Text")
        NUMBER = "number", _("Number")
        DATE = "date", _("Date")
        YES_NO = "yes_no", _("Yes or no")

    name = models.SlugField(
        _("name"),
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(r"^[a-z][a-z0-9_]*$", _("Small letters, digits and _ only, a letter first."))
        ],
    )
    label = models.CharField(_("label"), max_length=128)
    kind = models.CharField(_("kind"), max_length=16, choices=Kind.choices, default=Kind.TEXT)

    class Meta:
        verbose_name = _("profile attribute")
        verbose_name_plural = _("profile attributes")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.label or self.name


class ConsentEvent(models.Model):
    """The consent log: a wish as it was said. Rows are only ever added, which PostgreSQL sees to."""

    class Channel(models.TextChoices):
        EMAIL = "email", _("Email")
        SMS = "sms", _("SMS")
        ANY = "any", _("Any channel")

    class Purpose(models.TextChoices):
        OPENS = "opens", _("Open tracking")
        CLICKS = "clicks", _("Click tracking")

    # None where an address said it that nobody has.
    profile = models.ForeignKey(
        Profile, verbose_name=_("profile"), null=True, on_delete=models.PROTECT, related_name="consents"
    )
    # What was subscribed to or left; without one it is about the whole channel.
    service = models.ForeignKey(
        "audiences.Service", verbose_name=_("service"), null=True, on_delete=models.PROTECT, related_name="consents",
        db_index=False,
    )  # fmt: skip
    channel = models.CharField(_("channel"), max_length=16, choices=Channel.choices)
    # What of tracking it is about; without one it is about being written to.
    purpose = models.CharField(
        _("tracking"), max_length=8, choices=Purpose.choices, blank=True, default="", db_default=""
    )
    opted_out = models.BooleanField(_("opted out"))
    at = models.DateTimeField(_("at"), db_index=True)
    source = models.CharField(_("source"), max_length=64)
    by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.PROTECT, related_name="+")
    # What carried the wish: "delivery 12" for an unsubscribe link; the apps above know more.
    reference = models.CharField(_("reference"), max_length=128, blank=True, default="")
    # What was said or agreed to, as far as a file tells.
    words = models.TextField(_("words"), blank=True, default="", db_default="")
    # The version of the words that were shown.
    text = models.ForeignKey(
        "audiences.ServiceText", verbose_name=_("text"), null=True, on_delete=models.PROTECT, related_name="+",
        db_index=False,
    )  # fmt: skip
    # From where, as far as it is kept: the network, not the machine.
    network = models.CharField(_("network"), max_length=64, blank=True, default="", db_default="")
    # The address that was meant, where the wish is about an address.
    address_key = models.CharField(_("address"), max_length=320, blank=True, default="", db_default="")
    # Whoever said it was erased: the number of the erasure stands for them.
    erasure = models.ForeignKey(
        "audiences.Erasure", verbose_name=_("erasure"), null=True, on_delete=models.PROTECT, related_name="consents",
        db_index=False, db_constraint=False,
    )  # fmt: skip

    class Meta:
        verbose_name = _("consent event")
        verbose_name_plural = _("consent events")
        ordering = ["-id"]
        indexes = [
            models.Index(
                fields=["service", "id"],
                condition=models.Q(service__isnull=False),
                name="consent_event_of_service",
            ),
            models.Index(
                fields=["address_key"], condition=~models.Q(address_key=""), name="consent_event_of_address"
            ),
        ]

    def __str__(self) -> str:
        who = self.profile or self.address_key or self.erasure
        what = self.purpose or self.service or self.channel
        return f"{who}: {what} {'out' if self.opted_out else 'in'}"


class ConsentDoubt(models.Model):
    """Words about a consent that nobody could read, and what a person decided. Open ones hold the profile."""

    class Decision(models.TextChoices):
        OPEN = "", pgettext_lazy("unclear consent", "Open")
        WRITE = "write", _("May be written to")
        OPT_OUT = "opt_out", _("Opted out")

    profile = models.ForeignKey(
        Profile, verbose_name=_("profile"), on_delete=models.CASCADE, related_name="doubts"
    )
    channel = models.CharField(_("channel"), max_length=16, choices=ConsentEvent.Channel.choices)
    words = models.CharField(_("words"), max_length=300)  # the column and its cell
    reference = models.CharField(_("reference"), max_length=128, blank=True, default="")
    at = models.DateTimeField(_("at"))
    decision = models.CharField(
        _("decision"), max_length=8, choices=Decision.choices, blank=True, default=Decision.OPEN
    )
    decided_at = models.DateTimeField(_("decided"), null=True)
    decided_by = models.ForeignKey(
        User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL, related_name="+"
    )
    # The audit event of the decision: what was decided together has the same.
    audit_event = models.BigIntegerField(null=True, editable=False, db_index=True)

    class Meta:
        verbose_name = _("unclear consent")
        verbose_name_plural = _("unclear consents")
        ordering = ["-id"]
        constraints = [
            models.UniqueConstraint(
                fields=["profile", "channel"], condition=models.Q(decision=""), name="consent_doubt_open_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.profile}: {self.words}"
