import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("audiences", "0006_folded"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.CreateModel(
            name="ExportStyle",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "delimiter",
                    models.CharField(
                        choices=[
                            (",", "Comma"),
                            (";", "Semicolon, as Excel opens it in Brazil"),
                            ("\t", "Tab"),
                        ],
                        default=",",
                        max_length=1,
                    ),
                ),
                (
                    "encoding",
                    models.CharField(
                        choices=[
                            ("utf-8-sig", "UTF-8 with a mark, for Excel"),
                            ("utf-8", "UTF-8"),
                            ("utf-16", "UTF-16"),
                        ],
                        default="utf-8-sig",
                        max_length=16,
                    ),
                ),
                (
                    "user",
                    models.OneToOneField(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={"verbose_name": "style of exports", "verbose_name_plural": "styles of exports"},
        ),
    ]
