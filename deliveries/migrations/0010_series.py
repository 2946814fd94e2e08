"""Recurring deliveries, their runs, and notices."""

import django.contrib.postgres.fields
import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

STEPS = """
INSERT INTO deliveries_transition VALUES
    ('draft', 'expired'), ('preparation_failed', 'expired'), ('scheduled', 'expired'),
    ('ready', 'active'), ('active', 'ready'), ('suspended', 'ready'), ('active', 'suspended'),
    ('suspended', 'active'), ('active', 'stopped'), ('suspended', 'stopped'), ('active', 'finished');
"""
STEPS_BACK = """
DELETE FROM deliveries_transition WHERE (old, new) IN (
    ('draft', 'expired'), ('preparation_failed', 'expired'), ('scheduled', 'expired'),
    ('ready', 'active'), ('active', 'ready'), ('suspended', 'ready'), ('active', 'suspended'),
    ('suspended', 'active'), ('active', 'stopped'), ('suspended', 'stopped'), ('active', 'finished'));
"""

GUARD = """
CREATE OR REPLACE FUNCTION deliveries_guard_status() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'draft' THEN
            RAISE EXCEPTION 'A delivery begins as draft, not as %%.', NEW.status USING ERRCODE = 'check_violation';
        END IF;
        RETURN NEW;
    END IF;
    IF NEW.key <> OLD.key THEN
        RAISE EXCEPTION 'The key of a delivery never changes.' USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status <> OLD.status AND NOT EXISTS (
        SELECT 1 FROM deliveries_transition t WHERE t.old = OLD.status AND t.new = NEW.status
    ) THEN
        RAISE EXCEPTION 'No step leads from %% to %%.', OLD.status, NEW.status USING ERRCODE = 'check_violation';
    END IF;
    IF NEW.status IN ('scheduled', 'sending', 'paused', 'finished'__MORE__) AND NOT EXISTS (
        SELECT 1 FROM deliveries_confirmation c JOIN deliveries_preparation p ON p.id = c.preparation_id
        WHERE c.delivery_id = NEW.id AND c.preparation_id = NEW.preparation_id AND c.taken_back_at IS NULL
          AND p.seal <> '' AND c.seal = p.seal
    ) THEN
        RAISE EXCEPTION 'No confirmation in force names the seal of what is prepared.'
            USING ERRCODE = 'check_violation';
    END IF;__KIND__
    RETURN NEW;
END $$;
"""
KIND = """
    IF NEW.status IN ('active', 'suspended') AND NEW.schedule_kind <> 'recurring'
        OR NEW.status IN ('scheduled', 'sending', 'paused') AND NEW.schedule_kind = 'recurring' THEN
        RAISE EXCEPTION 'Only a recurring delivery is active, and none is sent itself.'
            USING ERRCODE = 'check_violation';
    END IF;"""


def guard(*, more: str = "", kind: str = "") -> str:
    return GUARD.replace("%%", "%").replace("__MORE__", more).replace("__KIND__", kind)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("audiences", "0001_initial"),
        ("deliveries", "0009_halt"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("waits", "Waiting for confirmation"),
                            ("reminder", "Reminder: still waiting for confirmation"),
                            ("expired", "Expired: nobody confirmed it in time"),
                            ("skipped", "A run was left out"),
                            ("failed", "A run could not be prepared"),
                            ("ended", "The series has ended"),
                        ],
                        max_length=16,
                        verbose_name="what",
                    ),
                ),
                ("text", models.CharField(blank=True, default="", max_length=300, verbose_name="text")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("seen_at", models.DateTimeField(null=True, verbose_name="seen")),
                ("mailed_at", models.DateTimeField(null=True, verbose_name="mailed")),
                ("mail_after", models.DateTimeField(null=True)),
                ("mail_tries", models.PositiveSmallIntegerField(default=0)),
            ],
            options={
                "verbose_name": "notice",
                "verbose_name_plural": "notices",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Occurrence",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("moment", models.DateTimeField(verbose_name="moment")),
                (
                    "skipped",
                    models.CharField(
                        blank=True,
                        choices=[
                            ("", ""),
                            ("late", "Missed: its time had passed by more than the series allows"),
                            ("overlap", "Left out: the run before was still going"),
                            ("paused", "Left out: the series was paused"),
                            ("nobody", "Left out: there was nobody to write to"),
                            ("unconfirmed", "Expired: nobody confirmed it in time"),
                        ],
                        default="",
                        max_length=16,
                        verbose_name="left out",
                    ),
                ),
                (
                    "outside",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=24), blank=True, default=list, size=None
                    ),
                ),
                ("settled", models.CharField(blank=True, default="", max_length=100)),
                ("reminded_at", models.DateTimeField(null=True)),
            ],
            options={
                "verbose_name": "occurrence",
                "verbose_name_plural": "occurrences",
                "ordering": ["-moment"],
            },
        ),
        migrations.CreateModel(
            name="Series",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("rule", models.CharField(max_length=500, verbose_name="rule")),
                ("starts_on", models.DateField(verbose_name="from")),
                ("at", models.TimeField(verbose_name="at")),
                (
                    "excluded_dates",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.DateField(),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="not on",
                    ),
                ),
                (
                    "request_confirmation",
                    models.BooleanField(default=True, verbose_name="request confirmation before sending"),
                ),
                (
                    "ahead_minutes",
                    models.PositiveIntegerField(
                        default=60,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                        verbose_name="prepared ahead, in minutes",
                    ),
                ),
                (
                    "expires_minutes",
                    models.PositiveIntegerField(
                        default=1440,
                        validators=[
                            django.core.validators.MinValueValidator(1),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                        verbose_name="waits for its confirmation, in minutes",
                    ),
                ),
                (
                    "remind_minutes",
                    models.PositiveIntegerField(
                        default=120,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                        verbose_name="reminder before it expires, in minutes",
                    ),
                ),
                (
                    "late_minutes",
                    models.PositiveIntegerField(
                        default=120,
                        validators=[
                            django.core.validators.MinValueValidator(0),
                            django.core.validators.MaxValueValidator(10080),
                        ],
                        verbose_name="sent late up to, in minutes",
                    ),
                ),
                (
                    "overlap",
                    models.CharField(
                        choices=[("skip", "is left out"), ("queue", "waits until that has ended")],
                        default="skip",
                        max_length=8,
                        verbose_name="while the run before is still going",
                    ),
                ),
                (
                    "size_limit",
                    models.PositiveIntegerField(
                        blank=True,
                        null=True,
                        validators=[django.core.validators.MinValueValidator(1)],
                        verbose_name="most recipients of a run",
                    ),
                ),
                ("next_at", models.DateTimeField(editable=False, null=True, verbose_name="next run")),
                ("wake_at", models.DateTimeField(editable=False, null=True)),
            ],
            options={
                "verbose_name": "recurrence",
                "verbose_name_plural": "recurrences",
            },
        ),
        migrations.RemoveConstraint(
            model_name="delivery",
            name="delivery_status_known",
        ),
        migrations.AddField(
            model_name="confirmation",
            name="on_activation",
            field=models.ForeignKey(
                blank=True,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="deliveries.confirmation",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="execution_of",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="executions",
                to="deliveries.delivery",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="expires_at",
            field=models.DateTimeField(editable=False, null=True, verbose_name="expires"),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="schedule_kind",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not chosen yet"),
                    ("at_once", "At once, when confirmed"),
                    ("at_date", "At a date"),
                    ("recurring", "Recurring"),
                ],
                default="",
                max_length=16,
                verbose_name="when",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="status",
            field=models.CharField(
                choices=[
                    ("draft", "Editing"),
                    ("preparing", "Preparing"),
                    ("preparation_failed", "Preparation failed"),
                    ("awaiting_approval", "Waiting for approval"),
                    ("ready", "Ready: waiting for confirmation"),
                    ("active", "Active"),
                    ("suspended", "Series paused"),
                    ("scheduled", "Scheduled"),
                    ("sending", "Sending"),
                    ("paused", "Paused"),
                    ("finished", "Finished"),
                    ("stopped", "Stopped"),
                    ("failed", "Failed"),
                    ("expired", "Expired"),
                ],
                default="draft",
                editable=False,
                max_length=24,
                verbose_name="status",
            ),
        ),
        migrations.AlterField(
            model_name="statuschange",
            name="new",
            field=models.CharField(
                choices=[
                    ("draft", "Editing"),
                    ("preparing", "Preparing"),
                    ("preparation_failed", "Preparation failed"),
                    ("awaiting_approval", "Waiting for approval"),
                    ("ready", "Ready: waiting for confirmation"),
                    ("active", "Active"),
                    ("suspended", "Series paused"),
                    ("scheduled", "Scheduled"),
                    ("sending", "Sending"),
                    ("paused", "Paused"),
                    ("finished", "Finished"),
                    ("stopped", "Stopped"),
                    ("failed", "Failed"),
                    ("expired", "Expired"),
                ],
                max_length=24,
                verbose_name="to",
            ),
        ),
        migrations.AlterField(
            model_name="statuschange",
            name="old",
            field=models.CharField(
                choices=[
                    ("draft", "Editing"),
                    ("preparing", "Preparing"),
                    ("preparation_failed", "Preparation failed"),
                    ("awaiting_approval", "Waiting for approval"),
                    ("ready", "Ready: waiting for confirmation"),
                    ("active", "Active"),
                    ("suspended", "Series paused"),
                    ("scheduled", "Scheduled"),
                    ("sending", "Sending"),
                    ("paused", "Paused"),
                    ("finished", "Finished"),
                    ("stopped", "Stopped"),
                    ("failed", "Failed"),
                    ("expired", "Expired"),
                ],
                max_length=24,
                verbose_name="from",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    (
                        "status__in",
                        [
                            "draft",
                            "preparing",
                            "preparation_failed",
                            "awaiting_approval",
                            "ready",
                            "active",
                            "suspended",
                            "scheduled",
                            "sending",
                            "paused",
                            "finished",
                            "stopped",
                            "failed",
                            "expired",
                        ],
                    )
                ),
                name="delivery_status_known",
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="delivery",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE, related_name="notices", to="deliveries.delivery"
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="user",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="notices",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            model_name="occurrence",
            name="execution",
            field=models.OneToOneField(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="occurrence",
                to="deliveries.delivery",
                verbose_name="execution",
            ),
        ),
        migrations.AddField(
            model_name="series",
            name="delivery",
            field=models.OneToOneField(
                on_delete=django.db.models.deletion.CASCADE, related_name="series", to="deliveries.delivery"
            ),
        ),
        migrations.AddField(
            model_name="occurrence",
            name="series",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="occurrences",
                to="deliveries.series",
            ),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(condition=models.Q(("seen_at", None)), fields=["user"], name="notice_unseen"),
        ),
        migrations.AddIndex(
            model_name="notice",
            index=models.Index(
                condition=models.Q(("mailed_at", None)), fields=["id"], name="notice_unmailed"
            ),
        ),
        migrations.AddIndex(
            model_name="series",
            index=models.Index(fields=["wake_at"], name="series_wake"),
        ),
        migrations.AddConstraint(
            model_name="occurrence",
            constraint=models.UniqueConstraint(fields=("series", "moment"), name="occurrence_once"),
        ),
        migrations.RunSQL(STEPS + guard(more=", 'active', 'suspended'", kind=KIND), STEPS_BACK + guard()),
    ]
