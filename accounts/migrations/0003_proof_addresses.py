"""A unit may have a list of its own of the addresses and domains that proofs go to."""

import django.contrib.postgres.fields
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0002_grace")]
    operations = [
        migrations.AddField(
            "organizationalunit",
            "proof_addresses",
            django.contrib.postgres.fields.ArrayField(
                base_field=models.CharField(max_length=320),
                blank=True,
                default=None,
                null=True,
                size=None,
                verbose_name="addresses of proofs",
            ),
        ),
    ]
