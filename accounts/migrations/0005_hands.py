"""Accounts in other hands than their owner's, and what is withheld from them."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_declare_attributes")]
    operations = [
        migrations.AddField(
            "user",
            "must_change_password",
            models.BooleanField(
                db_default=False, default=False, editable=False, verbose_name="must change the password"
            ),
        ),
        migrations.AddField(
            "user",
            "superuser_given_by",
            models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
            ),
        ),
        migrations.AddField(
            "organizationalunit",
            "one_administrator_is_enough",
            models.BooleanField(
                db_default=False,
                default=False,
                help_text="Here and below a single administrator may give Start and Approve to accounts that they made or whose password they set: they could then send alone. It holds only while there is no second administrator.",
                verbose_name="one administrator is enough",
            ),
        ),
        migrations.AddField(
            "rolegrant",
            "withheld",
            models.BooleanField(
                db_default=False,
                default=False,
                editable=False,
                verbose_name="Start and Approve are withheld",
            ),
        ),
        migrations.CreateModel(
            name="Hand",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "how",
                    models.CharField(
                        choices=[
                            ("invited", "invited"),
                            ("password", "password set"),
                            ("address", "address set"),
                        ],
                        max_length=16,
                        verbose_name="how",
                    ),
                ),
                ("at", models.DateTimeField(auto_now_add=True, verbose_name="at")),
                (
                    "holder",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="holds",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="in the hands of",
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="hands",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="user",
                    ),
                ),
            ],
            options={
                "verbose_name": "account in other hands",
                "verbose_name_plural": "accounts in other hands",
                "constraints": [models.UniqueConstraint(fields=("user", "holder", "how"), name="held_once")],
            },
        ),
    ]
