"""A later try names its lane; what is open or in hand is found by index; a finished send can go on."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0002_guards")]
    operations = [
        migrations.AddField("try", "lease_by", models.CharField(max_length=100, default="", db_default="")),
        migrations.AddIndex(
            "chunk", models.Index(fields=["delivery"], condition=models.Q(done=False), name="chunk_open")
        ),
        migrations.AddIndex(
            "try",
            models.Index(fields=["delivery", "seq"], condition=models.Q(handed=True), name="try_handed"),
        ),
        migrations.RunSQL(
            "INSERT INTO deliveries_transition VALUES ('finished', 'sending')",
            "DELETE FROM deliveries_transition WHERE (old, new) = ('finished', 'sending')",
        ),
    ]
