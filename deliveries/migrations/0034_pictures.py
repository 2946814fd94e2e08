"""Pictures of units, and which contents show them. New tables alone: no content shows one yet."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_reading_zone"),
        ("deliveries", "0033_content_drafts"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Picture",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=128, verbose_name="name")),
                (
                    "alt",
                    models.CharField(blank=True, default="", max_length=300, verbose_name="alternative text"),
                ),
                ("sha256", models.CharField(db_index=True, editable=False, max_length=64)),
                ("media_type", models.CharField(editable=False, max_length=64, verbose_name="type")),
                ("width", models.PositiveIntegerField(editable=False, verbose_name="width")),
                ("height", models.PositiveIntegerField(editable=False, verbose_name="height")),
                (
                    "size",
                    models.PositiveIntegerField(
                        editable=False, help_text="In octets.", verbose_name="weight"
                    ),
                ),
                ("data", models.BinaryField()),
                ("added_at", models.DateTimeField(editable=False, verbose_name="added")),
                (
                    "added_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="added by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="pictures",
                        to="accounts.organizationalunit",
                        verbose_name="unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "picture of a unit",
                "verbose_name_plural": "pictures of units",
                "ordering": ["-pk"],
                "constraints": [
                    models.UniqueConstraint(fields=("unit", "sha256"), name="picture_once_in_a_unit")
                ],
            },
        ),
        migrations.CreateModel(
            name="PictureUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("sha256", models.CharField(db_index=True, max_length=64)),
                (
                    "content",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="picture_uses",
                        to="deliveries.content",
                    ),
                ),
                (
                    "template",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="picture_uses",
                        to="deliveries.contenttemplate",
                    ),
                ),
            ],
            options={"verbose_name": "use of a picture", "verbose_name_plural": "uses of pictures"},
        ),
    ]
