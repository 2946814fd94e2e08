"""What people are found by stands in a table of its own: few changes are there at once, many are written later."""

import django.contrib.postgres.fields
import django.contrib.postgres.indexes
import django.db.models.deletion
from django.db import migrations, models

LOCKS = "SET LOCAL lock_timeout = '10s'"

# Plain ASCII takes the short way here already, which PostgreSQL writes into the query that calls it.
JOINED = "concat_ws(E'\\n', external_id, email, first_name, last_name, city, phone)"
TEXT = f"""
CREATE FUNCTION audiences_search_text(
    external_id text, email text, first_name text, last_name text, city text, phone text
) RETURNS text LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN octet_length({JOINED}) = char_length({JOINED}) THEN lower({JOINED})
                ELSE sinete_plain({JOINED}) END
$$;
"""
TEXT_BEFORE = "DROP FUNCTION audiences_search_text(text, text, text, text, text, text)"

# Of a statement that brings many profiles only their ids are written down. Whoever writes or deletes texts has the
# lock together with others, and the job that works off the ids has it alone: it never writes down what a profile had
# before a change that is not yet committed, nor anything of one that is being deleted.
TRIGGERS = """
CREATE FUNCTION audiences_texts_of_new() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (SELECT count(*) FROM (SELECT FROM fresh LIMIT 501) AS first_ones) > 500 THEN
        INSERT INTO audiences_searchbacklog (profile_ids)
            SELECT array_agg(id) FROM (SELECT id, (row_number() OVER () - 1) / 5000 AS part FROM fresh) AS ids
            GROUP BY part;
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock_shared(4177206);
    INSERT INTO audiences_searchtext (profile_id, text)
        SELECT id, audiences_search_text(external_id, email, first_name, last_name, city, phone) FROM fresh
        ON CONFLICT (profile_id) DO UPDATE SET text = excluded.text;
    RETURN NULL;
END $$;
CREATE FUNCTION audiences_text_of_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4177206);
    INSERT INTO audiences_searchtext (profile_id, text) VALUES (NEW.id,
        audiences_search_text(NEW.external_id, NEW.email, NEW.first_name, NEW.last_name, NEW.city, NEW.phone))
        ON CONFLICT (profile_id) DO UPDATE SET text = excluded.text;
    RETURN NULL;
END $$;
CREATE FUNCTION audiences_texts_of_gone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_advisory_xact_lock_shared(4177206);
    DELETE FROM audiences_searchtext WHERE profile_id IN (SELECT id FROM gone);
    RETURN NULL;
END $$;
CREATE TRIGGER texts_of_new AFTER INSERT ON audiences_profile
    REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION audiences_texts_of_new();
CREATE TRIGGER text_of_changed
    AFTER UPDATE OF external_id, email, first_name, last_name, city, phone ON audiences_profile FOR EACH ROW
    WHEN ((OLD.external_id, OLD.email, OLD.first_name, OLD.last_name, OLD.city, OLD.phone)
        IS DISTINCT FROM (NEW.external_id, NEW.email, NEW.first_name, NEW.last_name, NEW.city, NEW.phone)
        AND coalesce(current_setting('sinete.search_later', true), '') <> 'on')
    EXECUTE FUNCTION audiences_text_of_changed();
CREATE TRIGGER texts_of_gone AFTER DELETE ON audiences_profile
    REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION audiences_texts_of_gone();
"""
TRIGGERS_BEFORE = """
DROP TRIGGER texts_of_new ON audiences_profile;
DROP TRIGGER text_of_changed ON audiences_profile;
DROP TRIGGER texts_of_gone ON audiences_profile;
DROP FUNCTION audiences_texts_of_new();
DROP FUNCTION audiences_text_of_changed();
DROP FUNCTION audiences_texts_of_gone();
"""


class Migration(migrations.Migration):
    dependencies = [("audiences", "0019_welcomed")]
    operations = [
        migrations.RunSQL(LOCKS, LOCKS),
        migrations.CreateModel(
            name="SearchText",
            fields=[
                (
                    "profile",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        primary_key=True,
                        related_name="search_text",
                        serialize=False,
                        to="audiences.profile",
                    ),
                ),
                ("text", models.TextField()),
            ],
            options={
                "indexes": [
                    django.contrib.postgres.indexes.GinIndex(
                        fastupdate=True,
                        fields=["text"],
                        gin_pending_list_limit=16_384,
                        name="search_text_trigrams",
                        opclasses=["gin_trgm_ops"],
                    )
                ],
            },
        ),
        migrations.CreateModel(
            name="SearchBacklog",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "profile_ids",
                    django.contrib.postgres.fields.ArrayField(base_field=models.BigIntegerField(), size=None),
                ),
            ],
        ),
        migrations.RunSQL(TEXT, TEXT_BEFORE),
        migrations.RunSQL(TRIGGERS, TRIGGERS_BEFORE),
    ]
