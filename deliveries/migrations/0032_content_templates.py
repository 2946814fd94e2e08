"""Content kept for reuse by a unit, with its pictures. New tables alone."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_reading_zone"),
        ("deliveries", "0031_sender_route"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="ContentTemplate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("label", models.CharField(max_length=128, verbose_name="label")),
                ("subject", models.TextField(blank=True, default="", verbose_name="subject")),
                ("preheader", models.TextField(blank=True, default="", verbose_name="preheader")),
                ("html", models.TextField(blank=True, default="", verbose_name="HTML")),
                ("text", models.TextField(blank=True, default="", verbose_name="text part")),
                ("changed_at", models.DateTimeField(editable=False, verbose_name="changed")),
                (
                    "changed_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="changed by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="templates",
                        to="accounts.organizationalunit",
                        verbose_name="unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "template",
                "verbose_name_plural": "templates",
                "ordering": ["label", "pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("unit", "label"), name="template_once_in_a_unit")
                ],
            },
        ),
        migrations.CreateModel(
            name="TemplatePicture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("path", models.CharField(max_length=255, verbose_name="path in the upload")),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                ("media_type", models.CharField(max_length=64, verbose_name="type")),
                ("data", models.BinaryField()),
                (
                    "template",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="pictures",
                        to="deliveries.contenttemplate",
                    ),
                ),
            ],
            options={
                "verbose_name": "picture of a template",
                "verbose_name_plural": "pictures of templates",
                "constraints": [
                    models.UniqueConstraint(fields=("template", "path"), name="picture_once_in_a_template")
                ],
            },
        ),
    ]
