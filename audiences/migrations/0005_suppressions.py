from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audiences", "0004_consent_unclear")]
    operations = [
        migrations.CreateModel(
            name="Suppression",
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
                            ("domain", "Domain"),
                            ("md5", "MD5"),
                            ("sha1", "SHA-1"),
                            ("sha256", "SHA-256"),
                        ],
                        max_length=8,
                        verbose_name="kind",
                    ),
                ),
                ("value", models.CharField(max_length=255, verbose_name="value")),
                (
                    "reference",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="reference"),
                ),
                ("created_at", models.DateTimeField(verbose_name="created")),
            ],
            options={
                "verbose_name": "suppression",
                "verbose_name_plural": "suppressions",
                "ordering": ["-id"],
                "constraints": [models.UniqueConstraint(fields=("value", "kind"), name="suppression_once")],
            },
        ),
    ]
