import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

STATUSES = [
    ("queued", "Being looked at"),
    ("ready", "Ready: look, then apply"),
    ("applying", "Being applied"),
    ("applied", "Applied"),
    ("failed", "Failed"),
]


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0035_names_of_fields"),
        ("feedback", "0004_readers"),
        ("reporting", "0002_recounts_that_fail"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField("deliverystatistics", "by_class", models.JSONField(db_default={}, default=dict)),
        migrations.CreateModel(
            "HitReclassification",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(choices=STATUSES, default="queued", max_length=8, verbose_name="status"),
                ),
                ("at", models.DateTimeField(verbose_name="asked")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                ("hits", models.BigIntegerField(default=0, verbose_name="hits looked at")),
                ("changed", models.BigIntegerField(default=0, verbose_name="of another class")),
                ("moves", models.JSONField(default=list)),
                ("figures", models.JSONField(default=dict)),
                ("lease_until", models.DateTimeField(editable=False, null=True)),
                ("token", models.BigIntegerField(db_default=0, default=0, editable=False)),
                ("unended", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hit_reclassifications",
                        to="deliveries.delivery",
                        verbose_name="delivery",
                    ),
                ),
            ],
            options={
                "verbose_name": "re-classification of hits",
                "verbose_name_plural": "re-classifications of hits",
                "ordering": ["-id"],
                "indexes": [
                    models.Index(
                        condition=models.Q(status__in=["queued", "applying"]),
                        fields=["id"],
                        name="hit_reclassification_open",
                    )
                ],
            },
        ),
    ]
