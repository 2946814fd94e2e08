from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0019_staging_of_a_run")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", migrations.RunSQL.noop),
        migrations.AddField(
            "preparation", "unended", models.PositiveSmallIntegerField(db_default=0, default=0)
        ),
    ]
