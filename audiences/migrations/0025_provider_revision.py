from django.db import migrations, models


class Migration(migrations.Migration):
    """How often a domain came to another provider, so that what was counted by provider is known to hold."""

    dependencies = [("audiences", "0024_sign_ups_of_a_mailbox")]

    operations = [
        migrations.CreateModel(
            name="ProviderRevision",
            fields=[
                ("id", models.SmallIntegerField(default=1, primary_key=True, serialize=False)),
                ("number", models.BigIntegerField(default=0)),
            ],
        )
    ]
