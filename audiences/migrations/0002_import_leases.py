from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("audiences", "0001_initial")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", migrations.RunSQL.noop),
        migrations.AddField("import", "lease_until", models.DateTimeField(editable=False, null=True)),
        migrations.AddField(
            "import", "token", models.BigIntegerField(db_default=0, default=0, editable=False)
        ),
    ]
