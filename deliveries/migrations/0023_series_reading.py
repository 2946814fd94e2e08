"""Rules are read by RFC 5545; a series whose rule was read otherwise keeps its moments."""

from django.db import migrations, models
from django.db.models import Q


def keep_moments(apps, schema_editor):
    """Of these rules some come at the same moments either way, which the earlier reading does not change."""
    series = apps.get_model("deliveries", "Series").objects.using(schema_editor.connection.alias)
    named = Q(rule__contains="BYWEEKNO=") | Q(rule__contains="BYSETPOS=") | Q(rule__regex=r"BYDAY=[^;]*,")
    series.filter(named).update(reading="earlier")


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0022_message_door")]
    operations = [
        migrations.RunSQL("SET LOCAL lock_timeout = '10s'", migrations.RunSQL.noop),
        migrations.AddField(
            model_name="series",
            name="reading",
            field=models.CharField(
                choices=[("rfc5545", "rfc5545"), ("earlier", "earlier")],
                db_default="rfc5545",
                default="rfc5545",
                editable=False,
                max_length=8,
            ),
        ),
        migrations.RunPython(keep_moments, migrations.RunPython.noop),
    ]
