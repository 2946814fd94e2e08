"""Units say what is added to links."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_letters_and_brakes")]
    operations = [
        migrations.AddField(
            model_name="organizationalunit",
            name="link_parameters",
            field=models.JSONField(blank=True, default=None, null=True, verbose_name="link parameters"),
        ),
        migrations.AddField(
            model_name="organizationalunit",
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
