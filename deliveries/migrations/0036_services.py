import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0013_addresses_that_said_no"),
        ("deliveries", "0035_names_of_fields"),
    ]

    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", "SET LOCAL lock_timeout = '10s'"),
        migrations.AddField(
            model_name="delivery",
            name="service",
            field=models.ForeignKey(
                blank=True,
                db_index=False,
                help_text="Only its subscribers get it, and its unsubscribe links leave the service.",
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="audiences.service",
                verbose_name="service",
            ),
        ),
        migrations.AlterField(
            model_name="exclusion",
            name="cause",
            field=models.CharField(
                choices=[
                    ("no_address", "Address not specified"),
                    ("malformed", "Malformed address"),
                    ("opted_out", "Opted out"),
                    ("not_subscribed", "Not subscribed"),
                    ("consent_unclear", "Consent unclear"),
                    ("quarantined", "Quarantined address"),
                    ("duplicate", "Duplicate"),
                    ("written_to", "Address written to before"),
                    ("hour_passed", "Local hour has passed"),
                ],
                max_length=16,
                verbose_name="cause",
            ),
        ),
    ]
