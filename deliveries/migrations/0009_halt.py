"""All sending of a unit can be stopped at once."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
        ("deliveries", "0008_instance"),
    ]
    operations = [
        migrations.CreateModel(
            name="Halt",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
                ("reason", models.CharField(max_length=300, verbose_name="reason")),
                ("lifted_at", models.DateTimeField(null=True, verbose_name="allowed again")),
                (
                    "by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "lifted_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="allowed by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organizationalunit",
                        verbose_name="unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "stop of all sending",
                "verbose_name_plural": "stops of all sending",
                "ordering": ["-id"],
            },
        ),
        migrations.AddConstraint(
            "halt",
            models.UniqueConstraint(
                condition=models.Q(("lifted_at", None)), fields=("unit",), name="halt_one_in_force"
            ),
        ),
    ]
