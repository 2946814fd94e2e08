"""What is being written and not saved yet. A new table alone."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


def text() -> models.TextField:
    return models.TextField(blank=True, default="")


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0032_content_templates"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="ContentDraft",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.CharField(max_length=32)),
                ("base", models.PositiveIntegerField(default=0, verbose_name="begun on version")),
                ("subject", text()),
                ("preheader", text()),
                ("from_name", text()),
                ("from_address", text()),
                ("reply_to", text()),
                ("html", text()),
                ("text", text()),
                ("kept_at", models.DateTimeField()),
                (
                    "delivery",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="drafts",
                        to="deliveries.delivery",
                    ),
                ),
                (
                    "person",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "draft of a content",
                "verbose_name_plural": "drafts of contents",
                "indexes": [models.Index(fields=["kept_at"], name="drafts_by_age")],
                "constraints": [
                    models.UniqueConstraint(fields=("delivery", "person", "key"), name="draft_once_of_a_page")
                ],
            },
        ),
    ]
