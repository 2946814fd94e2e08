"""Units say whether people are measured who were not asked."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("accounts", "0014_erase_personal_data")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="organizationalunit",
            name="tracking_unasked",
            field=models.CharField(
                blank=True,
                choices=[("", "As the unit above"), ("on", "On"), ("off", "Off")],
                db_default="",
                default="",
                help_text=(
                    "Whether opens and clicks are measured of people who neither agreed nor refused. It concerns "
                    "deliveries of this unit and below, what was prepared already too where it is switched off. At the "
                    "top, empty is on."
                ),
                max_length=3,
                verbose_name="tracking of people who were not asked",
            ),
        ),
    ]
