import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """Filters of logs are kept by name."""

    dependencies = [
        ("reporting", "0005_person_exports"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="LogFilter",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("log", models.CharField(max_length=16, verbose_name="log")),
                ("name", models.CharField(max_length=80, verbose_name="name")),
                ("chosen", models.JSONField(default=dict, verbose_name="filters")),
                ("saved_at", models.DateTimeField(verbose_name="saved")),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
            ],
            options={
                "verbose_name": "saved filter of a log",
                "verbose_name_plural": "saved filters of logs",
                "ordering": ["log", "name"],
                "constraints": [
                    models.UniqueConstraint(fields=("user", "log", "name"), name="log_filter_once")
                ],
            },
        ),
    ]
