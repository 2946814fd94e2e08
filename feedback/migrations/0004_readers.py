from django.db import migrations, models

AT_ONCE = 20_000  # messages
KINDS = [("human", "Person"), ("unsure", "Unsure"), ("machine", "Machine")]


def image_proxies(apps, schema_editor):
    """What was an image proxy's is a person's, or unsure where only Apple's privacy proxy calls itself so.

    By the messages of one delivery after the other: no statement changes more hits than a few thousand.
    """
    with schema_editor.connection.cursor() as cursor:
        cursor.execute(
            "SELECT d.id, (SELECT max(seq) FROM feedback_hit h WHERE h.delivery_id = d.id) FROM deliveries_delivery d"
            " WHERE EXISTS (SELECT 1 FROM feedback_hit h WHERE h.delivery_id = d.id)"
        )
        for delivery, most in cursor.fetchall():
            for first in range(1, most + 1, AT_ONCE):
                cursor.execute(
                    "UPDATE feedback_hit SET agent_kind = CASE WHEN agent = 'Mozilla/5.0' THEN 'unsure' ELSE 'human' END"
                    " WHERE delivery_id = %s AND seq >= %s AND seq < %s AND agent_kind = 'proxy'",
                    [delivery, first, first + AT_ONCE],
                )


class Migration(migrations.Migration):
    """More of each request is kept, and three classes tell who asked."""

    atomic = False

    dependencies = [("feedback", "0003_refusals"), ("deliveries", "0035_names_of_fields")]
    operations = [
        migrations.AddField(
            "hit",
            "network",
            models.CharField(blank=True, db_default="", default="", max_length=43, verbose_name="network"),
        ),
        migrations.AddField(
            "hit",
            "method",
            models.CharField(blank=True, db_default="", default="", max_length=4, verbose_name="method"),
        ),
        migrations.AddField(
            "hit",
            "is_prefetch",
            models.BooleanField(db_default=False, default=False, verbose_name="fetched ahead"),
        ),
        migrations.AddField(
            "hit", "after", models.FloatField(null=True, verbose_name="seconds after acceptance")
        ),
        migrations.AlterField(
            "hit",
            "agent_kind",
            models.CharField(choices=KINDS, default="human", max_length=8, verbose_name="asked by"),
        ),
        migrations.RunPython(image_proxies, migrations.RunPython.noop),
    ]
