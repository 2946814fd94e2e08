"""A message says what of it may be measured. What was sealed before is measured as its delivery was."""

from django.db import migrations, models

PATIENCE = "SET LOCAL lock_timeout = '10s'"
ONLY_LESS = """
CREATE TRIGGER tracked_only_less AFTER UPDATE OF tracked ON deliveries_message
    FOR EACH ROW WHEN (NEW.tracked & ~OLD.tracked <> 0) EXECUTE FUNCTION sinete_refuse_change();
"""


class Migration(migrations.Migration):
    # Of its own: a lane locks chunks before messages, so no migration may hold a lock on messages and ask for others.
    dependencies = [("deliveries", "0040_erasure")]
    operations = [
        migrations.RunSQL(PATIENCE, PATIENCE),
        migrations.AddField(
            model_name="message",
            name="tracked",
            field=models.SmallIntegerField(db_default=3, default=3, verbose_name="tracking"),
        ),
        migrations.RunSQL(ONLY_LESS, "DROP TRIGGER tracked_only_less ON deliveries_message"),
    ]
