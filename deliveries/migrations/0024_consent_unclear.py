from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0023_series_reading"), ("audiences", "0004_consent_unclear")]
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
        migrations.AlterField(
            "message",
            "reason",
            models.CharField(
                choices=[
                    ("", ""),
                    ("user_unknown", "User unknown"),
                    ("invalid_domain", "Invalid domain"),
                    ("unreachable", "Unreachable"),
                    ("account_disabled", "Account disabled"),
                    ("mailbox_full", "Mailbox full"),
                    ("refused", "Refused"),
                    ("too_large", "Message too large"),
                    ("not_defined", "Not defined"),
                    ("not_supported", "Address not supported by the relay"),
                    ("content", "Content could not be filled in"),
                    ("expired", "Validity period over"),
                    ("opted_out", "Opted out"),
                    ("quarantined", "Quarantined address"),
                    ("consent_unclear", "Consent unclear"),
                ],
                db_default="",
                default="",
                max_length=20,
                verbose_name="reason",
            ),
        ),
    ]
