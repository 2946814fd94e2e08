from django.db import migrations

FORWARD = """
CREATE TABLE campaign_clock (one boolean PRIMARY KEY DEFAULT true CHECK (one), shift interval NOT NULL);
INSERT INTO campaign_clock (shift) VALUES ('0');

CREATE FUNCTION sinete_offset() RETURNS interval LANGUAGE plpgsql STABLE AS $$
BEGIN
    IF current_setting('sinete.clock_offset', true) = 'allowed' THEN
        RETURN (SELECT shift FROM campaign_clock);
    END IF;
    RETURN interval '0';
END $$;

CREATE FUNCTION sinete_now() RETURNS timestamptz LANGUAGE sql STABLE AS
    $$ SELECT now() + sinete_offset() $$;
CREATE FUNCTION sinete_clock() RETURNS timestamptz LANGUAGE sql VOLATILE AS
    $$ SELECT clock_timestamp() + sinete_offset() $$;

CREATE FUNCTION sinete_set_clock_offset(wanted interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('sinete.clock_offset', true) IS DISTINCT FROM 'allowed' THEN
        RAISE EXCEPTION 'The clock has no offset here: DEBUG is off.';
    END IF;
    UPDATE campaign_clock SET shift = wanted;
END $$;
"""

BACKWARD = """
DROP FUNCTION sinete_set_clock_offset(interval);
DROP FUNCTION sinete_clock();
DROP FUNCTION sinete_now();
DROP FUNCTION sinete_offset();
DROP TABLE campaign_clock;
"""


class Migration(migrations.Migration):
    initial = True
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
