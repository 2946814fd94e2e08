from django.db import migrations

# How rules compare texts: composed, without letter case, ß as ss and ς as σ. Plain ASCII takes the short way.
FOLDED = """
CREATE OR REPLACE FUNCTION sinete_folded(words text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length(words) = char_length(words) THEN lower(words)
                ELSE replace(replace(lower(normalize(words, NFC)), 'ß', 'ss'), 'ς', 'σ') END
$$
"""

# Whoever came in with accents as characters of their own is found by a search, too: what is stored is composed.
NAMES = ("first_name", "last_name", "city", "country", "email")
COMPOSED = f"""
UPDATE audiences_profile SET {", ".join(f"{name} = normalize({name}, NFC)" for name in NAMES)}
WHERE octet_length(first_name || last_name || city || country || email)
      <> char_length(first_name || last_name || city || country || email)
  AND ({" OR ".join(f"{name} IS NOT NFC NORMALIZED" for name in NAMES)})
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0005_suppressions")]
    operations = [
        migrations.RunSQL(FOLDED, "DROP FUNCTION IF EXISTS sinete_folded(text)"),
        migrations.RunSQL(COMPOSED, migrations.RunSQL.noop),
    ]
