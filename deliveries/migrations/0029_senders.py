"""Who may send in a unit's name, and what DNS said of their domains. New tables alone."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0006_letters_and_brakes"),
        ("deliveries", "0028_attachments"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="DnsAnswer",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=253, unique=True, verbose_name="name")),
                (
                    "outcome",
                    models.CharField(
                        choices=[
                            ("unknown", "not asked yet"),
                            ("found", "found"),
                            ("nothing", "no such record"),
                            ("no_domain", "no such domain"),
                        ],
                        default="unknown",
                        max_length=16,
                        verbose_name="outcome",
                    ),
                ),
                (
                    "texts",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.TextField(),
                        blank=True,
                        default=list,
                        size=None,
                        verbose_name="records",
                    ),
                ),
                ("answered_at", models.DateTimeField(null=True, verbose_name="answered at")),
                ("tried_at", models.DateTimeField(null=True, verbose_name="asked at")),
                (
                    "problem",
                    models.CharField(
                        blank=True, default="", max_length=200, verbose_name="problem of the last try"
                    ),
                ),
                ("wanted_at", models.DateTimeField(verbose_name="last wanted at")),
            ],
            options={
                "verbose_name": "DNS answer",
                "verbose_name_plural": "DNS answers",
                "ordering": ["name"],
                "indexes": [models.Index(fields=["tried_at"], name="dnsanswer_tried_at")],
            },
        ),
        migrations.CreateModel(
            name="Sender",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("address", models.CharField(max_length=320, verbose_name="address or domain")),
                (
                    "name",
                    models.CharField(blank=True, default="", max_length=200, verbose_name="sender's name"),
                ),
                (
                    "reply_to",
                    models.CharField(blank=True, default="", max_length=320, verbose_name="reply to"),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="entered at")),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="entered by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="senders",
                        to="accounts.organizationalunit",
                        verbose_name="unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "sender",
                "verbose_name_plural": "senders",
                "ordering": ["unit", "address"],
                "constraints": [
                    models.UniqueConstraint(fields=("unit", "address"), name="sender_once_in_a_unit")
                ],
            },
        ),
    ]
