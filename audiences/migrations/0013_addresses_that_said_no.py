from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

# Whoever had opted out of mail before: their addresses said no too. New rows of a new table, so nobody waits for it.
ADDRESSES = """
INSERT INTO audiences_addressoptout (channel, address_key, at)
SELECT channel, email_key, max(changed_at) FROM (
    SELECT 'email' AS channel, email_key, changed_at FROM audiences_profile WHERE no_email
    UNION ALL SELECT 'any', email_key, changed_at FROM audiences_profile WHERE no_contact
) AS out WHERE email_key <> '' GROUP BY channel, email_key
ON CONFLICT DO NOTHING
"""


class Migration(migrations.Migration):
    atomic = False

    dependencies = [("audiences", "0012_services")]
    operations = [
        AddIndexConcurrently(
            "consentevent",
            models.Index(
                fields=["service", "id"],
                condition=models.Q(service__isnull=False),
                name="consent_event_of_service",
            ),
        ),
        migrations.RunSQL(ADDRESSES, migrations.RunSQL.noop),
    ]
