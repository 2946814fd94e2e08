from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0021_release"), ("audiences", "0004_consent_unclear")]
    operations = [
        migrations.AlterField(
            "exclusion",
            "cause",
            models.CharField(
                choices=[
                    ("no_address", "Address not specified"),
                    ("malformed", "Malformed address"),
                    ("opted_out", "Opted out"),
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
