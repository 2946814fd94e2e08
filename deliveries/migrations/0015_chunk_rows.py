from django.db import migrations, models


class Migration(migrations.Migration):
    # Of its own: a lane locks chunks before messages, so no migration may hold a lock on messages and ask for chunks.
    dependencies = [("deliveries", "0014_room_for_results")]
    operations = [
        migrations.AddIndex("chunk", models.Index(fields=["delivery", "seq_to"], name="chunk_rows")),
    ]
