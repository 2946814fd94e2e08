from django.db import migrations, models


class Migration(migrations.Migration):
    """Each person reads moments in a zone of their own."""

    dependencies = [("accounts", "0007_link_parameters")]
    operations = [
        migrations.AddField(
            "user",
            "time_zone",
            models.CharField(
                blank=True,
                db_default="",
                default="",
                editable=False,
                help_text="In which this person reads all moments; empty: as the browser says.",
                max_length=64,
                verbose_name="time zone",
            ),
        ),
    ]
