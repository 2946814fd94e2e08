"""Folders and campaigns: a table of their own, and on a delivery where it lies; no delivery lies anywhere yet."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models
from django.db.models import F, Q


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0008_reading_zone"),
        ("deliveries", "0036_services"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="Folder",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("label", models.CharField(max_length=128, verbose_name="label")),
                ("path", models.CharField(db_index=True, default="", editable=False, max_length=128)),
                (
                    "description",
                    models.TextField(blank=True, default="", max_length=2000, verbose_name="description"),
                ),
                ("is_campaign", models.BooleanField(default=False, verbose_name="campaign")),
                ("starts_on", models.DateField(blank=True, null=True, verbose_name="starts on")),
                ("ends_on", models.DateField(blank=True, null=True, verbose_name="ends on")),
                (
                    "goal_figure",
                    models.CharField(
                        blank=True, default="", max_length=16, verbose_name="figure of the goal"
                    ),
                ),
                (
                    "goal_value",
                    models.DecimalField(
                        blank=True, decimal_places=1, max_digits=12, null=True, verbose_name="goal"
                    ),
                ),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("changed_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="created by",
                    ),
                ),
                (
                    "owner",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="owner",
                    ),
                ),
                (
                    "parent",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="children",
                        to="deliveries.folder",
                        verbose_name="lies in",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="folders",
                        to="accounts.organizationalunit",
                        verbose_name="unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "folder",
                "verbose_name_plural": "folders",
                "ordering": ["label", "id"],
                "constraints": [
                    models.UniqueConstraint(
                        fields=("unit", "parent", "label"),
                        name="folder_label_once_in_a_place",
                        nulls_distinct=False,
                    ),
                    models.CheckConstraint(
                        condition=Q(starts_on=None) | Q(ends_on=None) | Q(ends_on__gte=F("starts_on")),
                        name="folder_dates_in_order",
                    ),
                    models.CheckConstraint(
                        condition=Q(goal_figure="", goal_value=None)
                        | Q(~Q(goal_figure=""), goal_value__gte=0),
                        name="folder_goal_whole",
                    ),
                    models.CheckConstraint(
                        condition=Q(is_campaign=True)
                        | Q(ends_on=None, goal_figure="", goal_value=None, owner=None, starts_on=None),
                        name="folder_plain_without_campaign",
                    ),
                ],
            },
        ),
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", "SET LOCAL lock_timeout = '10s'"),
        migrations.AddField(
            model_name="delivery",
            name="folder",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="deliveries",
                to="deliveries.folder",
                verbose_name="folder",
            ),
        ),
    ]
