import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0003_unended_imports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", migrations.RunSQL.noop),
        migrations.AddField(
            "consentevent",
            "words",
            models.TextField(blank=True, db_default="", default="", verbose_name="words"),
        ),
        migrations.AddField(
            "import",
            "choices",
            models.JSONField(
                blank=True,
                db_default=models.Value({}, models.JSONField()),
                default=dict,
                verbose_name="choices",
            ),
        ),
        migrations.AddField(
            "import",
            "held_addresses",
            models.BigIntegerField(db_default=0, default=0, verbose_name="addresses put into quarantine"),
        ),
        migrations.AddField(
            "import",
            "unclear",
            models.BigIntegerField(db_default=0, default=0, verbose_name="held as consent unclear"),
        ),
        migrations.AddField(
            "profile",
            "consent_unclear",
            models.BooleanField(db_default=False, default=False, verbose_name="consent unclear"),
        ),
        migrations.CreateModel(
            name="ConsentDoubt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("any", "Any channel")],
                        max_length=16,
                        verbose_name="channel",
                    ),
                ),
                ("words", models.CharField(max_length=300, verbose_name="words")),
                (
                    "reference",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="reference"),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "decision",
                    models.CharField(
                        blank=True,
                        choices=[("", "Open"), ("write", "May be written to"), ("opt_out", "Opted out")],
                        default="",
                        max_length=8,
                        verbose_name="decision",
                    ),
                ),
                ("decided_at", models.DateTimeField(null=True, verbose_name="decided")),
                ("audit_event", models.BigIntegerField(db_index=True, editable=False, null=True)),
                (
                    "decided_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "profile",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="doubts",
                        to="audiences.profile",
                        verbose_name="profile",
                    ),
                ),
            ],
            options={
                "verbose_name": "unclear consent",
                "verbose_name_plural": "unclear consents",
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("decision", "")),
                        fields=("profile", "channel"),
                        name="consent_doubt_open_once",
                    )
                ],
            },
        ),
    ]
