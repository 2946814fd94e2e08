"""A file of profiles on its way in."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _

from accounts.models import OrganizationalUnit, User


class Import(models.Model):
    """One file: how it was read, what came of it."""

    class Status(models.TextChoices):
        WAITING = "waiting", _("Waiting")
        READING = "reading", _("Reading the file")
        WRITING = "writing", _("Writing profiles")
        CHECKED = "checked", _("Looked through")
        DONE = "done", _("Done")
        REFUSED = "refused", _("Refused")
        FAILED = "failed", _("Failed")

    FINAL = (Status.CHECKED, Status.DONE, Status.REFUSED, Status.FAILED)

    unit = models.ForeignKey(OrganizationalUnit, verbose_name=_("unit"), on_delete=models.PROTECT)
    file_name = models.CharField(_("file"), max_length=255)
    status = models.CharField(_("status"), max_length=16, choices=Status.choices, default=Status.WAITING)
    keep_good_rows = models.BooleanField(_("keep the good rows of a broken file"), default=False)
    declare_attributes = models.BooleanField(_("declare unknown columns as attributes"), default=False)
    # A dry run does all of it and takes it back; the same row becomes the import once somebody says so.
    dry_run = models.BooleanField(_("dry run"), default=False, db_default=False)
    # What a person chose: {"decimal": ",", "columns": {"#3": "email"}}; what is left away is found out.
    choices = models.JSONField(
        _("choices"), default=dict, db_default=models.Value({}, models.JSONField()), blank=True
    )
    # {"delimiter": ";", "encoding": "utf-8-sig", "bom": true, "columns": [["E-mail", "email"]], "ignored": []}
    detected = models.JSONField(_("detected"), default=dict, blank=True)
    # Of a dry run: some cells of each column. They are the file's own and go when the file goes.
    samples = models.JSONField(default=list, db_default=models.Value([], models.JSONField()), blank=True)
    audience = models.ForeignKey(
        "audiences.Audience", verbose_name=_("add to list"), null=True, blank=True, on_delete=models.SET_NULL
    )
    bytes_total = models.BigIntegerField(default=0)
    bytes_read = models.BigIntegerField(default=0)
    rows_read = models.BigIntegerField(_("rows read"), default=0)
    created = models.BigIntegerField(_("new profiles"), default=0)
    updated = models.BigIntegerField(_("changed profiles"), default=0)
    unchanged = models.BigIntegerField(_("unchanged profiles"), default=0)
    repeated = models.BigIntegerField(_("rows repeated in the file"), default=0)
    bad_rows = models.BigIntegerField(_("broken rows"), default=0)
    flagged = models.BigIntegerField(_("missing or malformed addresses"), default=0)
    cleaned = models.BigIntegerField(_("values cleaned or left out"), default=0)
    skipped = models.BigIntegerField(_("rows left out"), default=0)
    opted_out = models.BigIntegerField(_("opt-outs brought in"), default=0)
    unclear = models.BigIntegerField(_("held as consent unclear"), default=0, db_default=0)
    held_addresses = models.BigIntegerField(_("addresses put into quarantine"), default=0, db_default=0)
    problems_found = models.BigIntegerField(_("problems found"), default=0)
    message = models.TextField(blank=True, default="")
    started_by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL)
    created_at = models.DateTimeField(_("started"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    # While a worker is at it this moves ahead; once it has passed, another may take over. Each that takes it raises
    # the token: only the run whose token it is writes anything.
    lease_until = models.DateTimeField(null=True, editable=False)
    token = models.BigIntegerField(default=0, db_default=0, editable=False)
    # Runs that were never heard of again, and the one that is at it: too many, and it fails.
    unended = models.PositiveSmallIntegerField(default=0, db_default=0, editable=False)

    class Meta:
        verbose_name = _("import")
        verbose_name_plural = _("imports")
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.file_name

    @property
    def is_final(self) -> bool:
        """No worker will do anything more with it, unless somebody asks."""
        return self.status in self.FINAL

    @property
    def message_text(self) -> str:
        """Why it was refused or failed, in the reader's language."""
        return _t(self.message) if self.message else ""

    @property
    def is_dry(self) -> bool:
        """It stands there to be looked at and changed; nothing of it has come in."""
        return self.dry_run and self.status in (self.Status.CHECKED, self.Status.REFUSED)

    @property
    def left_out(self) -> int:
        """Rows that did not come in, broken or not."""
        return self.bad_rows + self.skipped

    @property
    def percent(self) -> int:
        """How much of the file was read; the writing after it counts as the last tenth."""
        if self.is_final:
            return 100
        return min(90, 90 * self.bytes_read // self.bytes_total) if self.bytes_total else 0


class ImportPart(models.Model):
    """A piece of an uploaded file on its way to a worker, which may run on another machine."""

    importing = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="parts")
    number = models.PositiveIntegerField()
    content = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["importing", "number"], name="import_part_once")]


class ImportProblem(models.Model):
    """A line of the report: where, what field, why. `fatal` ones are about structure or encoding."""

    importing = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="problems")
    line = models.BigIntegerField(_("line"))
    field = models.CharField(_("field"), max_length=64, blank=True, default="")
    # An English sentence with named slots; `text` says it in the reader's language.
    reason = models.CharField(_("reason"), max_length=300)
    slots = models.JSONField(default=dict, blank=True)
    fatal = models.BooleanField(_("broken"), default=False)

    class Meta:
        verbose_name = _("problem of an import")
        verbose_name_plural = _("problems of an import")
        ordering = ["importing", "id"]

    def __str__(self) -> str:
        return f"{self.line}: {self.field}"

    @property
    def text(self) -> str:
        """The reason in the reader's language."""
        return _t(self.reason) % self.slots if self.slots else _t(self.reason)

    @property
    def text_without_values(self) -> str:
        """The same for who may not see whose values these are."""
        slots = {name: "…" if isinstance(value, str) else value for name, value in self.slots.items()}
        return _t(self.reason) % slots if slots else _t(self.reason)


class ImportLines(models.Model):
    """Some lines of a file, in order, of which a dry run says the same; `last` is the last of them."""

    importing = models.ForeignKey(Import, on_delete=models.CASCADE, related_name="lines")
    outcome = models.CharField(max_length=24)
    last = models.BigIntegerField()
    lines = ArrayField(models.BigIntegerField())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["importing", "outcome", "last"], name="import_lines_once")
        ]


class ImportMapping(models.Model):
    """What was chosen for files of one header, offered again for the next of them."""

    unit = models.ForeignKey(OrganizationalUnit, verbose_name=_("unit"), on_delete=models.CASCADE)
    header_key = models.CharField(max_length=64, editable=False)
    header = models.TextField(_("columns"))
    choices = models.JSONField(_("choices"), default=dict)
    saved_by = models.ForeignKey(User, verbose_name=_("by"), null=True, on_delete=models.SET_NULL)
    saved_at = models.DateTimeField(_("saved"))

    class Meta:
        verbose_name = _("saved mapping")
        verbose_name_plural = _("saved mappings")
        ordering = ["-id"]
        constraints = [models.UniqueConstraint(fields=["unit", "header_key"], name="mapping_once_per_header")]

    def __str__(self) -> str:
        return self.header[:80]
