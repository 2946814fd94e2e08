from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audiences", "0002_import_leases")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", migrations.RunSQL.noop),
        migrations.AddField(
            "import", "unended", models.PositiveSmallIntegerField(db_default=0, default=0, editable=False)
        ),
    ]
