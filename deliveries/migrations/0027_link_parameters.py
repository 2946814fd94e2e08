"""Deliveries say what is added to their links."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0026_tallies_of_one_chunk")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '5s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="delivery",
            name="link_parameters",
            field=models.JSONField(blank=True, default=None, null=True, verbose_name="link parameters"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="link_domains",
            field=django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=253),
                blank=True,
                default=None,
                null=True,
                size=None,
                verbose_name="domains of link parameters",
            ),
        ),
    ]
