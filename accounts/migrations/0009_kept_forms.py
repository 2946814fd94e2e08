import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    """What is typed into a form after a session has ended is kept until its owner is back."""

    dependencies = [("accounts", "0008_reading_zone")]
    operations = [
        migrations.CreateModel(
            "KeptForm",
            [
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("browser", models.CharField(max_length=64)),
                ("page", models.CharField(max_length=2000)),
                ("action", models.CharField(max_length=2000)),
                ("typed", models.JSONField(default=dict)),
                ("files", models.JSONField(default=list)),
                ("secrets", models.JSONField(default=list)),
                ("kept_at", models.DateTimeField()),
                ("posted_at", models.DateTimeField(null=True)),
                (
                    "user",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="kept_forms",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "kept form", "verbose_name_plural": "kept forms"},
        ),
        migrations.AddConstraint(
            "keptform",
            models.UniqueConstraint(fields=("user", "browser", "action"), name="form_kept_once_in_a_browser"),
        ),
        migrations.AddIndex("keptform", models.Index(fields=["kept_at"], name="kept_forms_by_age")),
    ]
