from django.db import migrations

# A function of sets that returns one row, so that the planner writes its text into the query in its place: the
# profile's columns are read where they stand, and the quarantine by its key. A profile that is gone is nobody's.
SUPPRESSION = """
CREATE FUNCTION audiences_suppression(profile audiences_profile, key text, channel text, service bigint)
RETURNS TABLE (cause text) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT CASE
        WHEN (profile).no_contact THEN 'opted_out'
        WHEN channel = 'email' AND (profile).no_email THEN 'opted_out'
        WHEN channel = 'sms' AND (profile).no_sms THEN 'opted_out'
        WHEN (profile).consent_unclear THEN 'consent_unclear'
        ELSE (
            SELECT 'quarantined' FROM audiences_quarantine q
            WHERE q.channel = audiences_suppression.channel AND q.address_key = key
                AND q.status IN ('quarantine', 'denylist')
            LIMIT 1
        )
    END
$$;
"""
GONE = "DROP FUNCTION audiences_suppression(audiences_profile, text, text, bigint)"


class Migration(migrations.Migration):
    dependencies = [("audiences", "0007_export_styles")]
    operations = [migrations.RunSQL(SUPPRESSION, GONE)]
