"""Mail about accounts, and the table in which attempts to sign in are counted."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

# As `createcachetable` makes it, but not written to the log: after a crash of PostgreSQL the counts begin anew.
BRAKE = """
CREATE UNLOGGED TABLE IF NOT EXISTS accounts_brake (
    cache_key varchar(255) PRIMARY KEY,
    value text NOT NULL,
    expires timestamp with time zone NOT NULL
);
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_hands")]
    operations = [
        migrations.CreateModel(
            name="Letter",
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
                            ("invitation", "invitation"),
                            ("reset", "link to a new password"),
                            ("confirm", "link to confirm the address"),
                            ("password_set", "password set by somebody else"),
                            ("password_changed", "password changed"),
                            ("address_changed", "address changed by somebody else"),
                        ],
                        max_length=16,
                    ),
                ),
                ("to", models.EmailField(max_length=254)),
                ("at", models.DateTimeField()),
                ("mail_after", models.DateTimeField()),
                ("tries", models.PositiveSmallIntegerField(default=0)),
                ("mailed_at", models.DateTimeField(null=True)),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="letters",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "letter",
                "verbose_name_plural": "letters",
                "indexes": [
                    models.Index(
                        condition=models.Q(("mailed_at__isnull", True)),
                        fields=["mail_after"],
                        name="letters_to_mail",
                    )
                ],
            },
        ),
        migrations.RunSQL(BRAKE, "DROP TABLE IF EXISTS accounts_brake"),
    ]
