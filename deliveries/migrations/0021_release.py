"""No detour round the release: a moved delivery keeps its rule of approval, and proofs have limits a day."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_proof_addresses"),
        ("deliveries", "0020_unended_preparations"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.AddField(
            model_name="delivery",
            name="brought_policy",
            field=models.CharField(
                blank=True,
                choices=[
                    ("none", "No approval"),
                    ("one", "One approval"),
                    ("four_eyes", "Four eyes: somebody who neither prepared nor wrote it"),
                ],
                db_default="",
                default="",
                editable=False,
                max_length=16,
            ),
        ),
        migrations.CreateModel(
            name="ProofUse",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField()),
                ("copies", models.PositiveIntegerField()),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organizationalunit",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["by", "at"], name="proof_use_by"),
                    models.Index(fields=["unit", "at"], name="proof_use_unit"),
                ],
            },
        ),
    ]
