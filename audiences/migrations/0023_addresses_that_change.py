"""What was confirmed by mail holds for the address that the mail went to; how sign-ups and erasures find what is theirs."""

from django.db import migrations, models

LOCKS = "SET LOCAL lock_timeout = '10s'"

# With another address a subscription is not confirmed any more: nobody has read a mail there. Where somebody left the
# service by the new address it ends, as it would have with theirs.
CHANGED = """
CREATE FUNCTION audiences_address_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    WITH ended AS (
        UPDATE audiences_subscription had SET ended_at = sinete_clock(), is_confirmed = false
        WHERE had.profile_id = NEW.id AND had.ended_at IS NULL AND NEW.email_key <> '' AND EXISTS (
            SELECT FROM audiences_profile other JOIN audiences_subscription s ON s.profile_id = other.id
            WHERE other.email_key = NEW.email_key AND other.id <> NEW.id
                AND s.service_id = had.service_id AND s.ended_at IS NOT NULL
        ) RETURNING had.profile_id, had.service_id
    )
    INSERT INTO audiences_consentevent
        (profile_id, service_id, channel, opted_out, at, source, by_id, reference, words, text_id, network, address_key)
    SELECT profile_id, service_id, 'email', true, sinete_clock(), 'address_changed', NULL, '', '', NULL, '', ''
    FROM ended ORDER BY service_id;
    UPDATE audiences_subscription SET is_confirmed = false WHERE profile_id = NEW.id AND is_confirmed;
    RETURN NULL;
END $$;
CREATE TRIGGER address_changed AFTER UPDATE OF email_key ON audiences_profile FOR EACH ROW
    WHEN (OLD.email_key IS DISTINCT FROM NEW.email_key) EXECUTE FUNCTION audiences_address_changed();
"""
CHANGED_BEFORE = """
DROP TRIGGER address_changed ON audiences_profile;
DROP FUNCTION audiences_address_changed();
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0022_address_states")]
    operations = [
        migrations.RunSQL(LOCKS, LOCKS),
        migrations.AddField("erasedprofile", "messages_gone", models.JSONField(editable=False, null=True)),
        migrations.AddField(
            "signup", "mailbox", models.CharField(db_default="", default="", editable=False, max_length=320)
        ),
        migrations.AddField(
            "signup",
            "tracking",
            models.CharField(db_default="", default="", max_length=32, verbose_name="may be measured"),
        ),
        migrations.RunSQL(CHANGED, CHANGED_BEFORE),
    ]
