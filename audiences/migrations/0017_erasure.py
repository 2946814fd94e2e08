"""Who was erased, by number; and the one door through which the consent log forgets who said something."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

LOCKS = "SET LOCAL lock_timeout = '10s'"
# What was said, of what, when and how stays as evidence; who said it becomes the number of their erasure. The setting
# is on only inside the function, which sets it itself: a clause of the function's would take a superuser.
LOG = """
CREATE FUNCTION audiences_guard_consent() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND coalesce(current_setting('sinete.emptying', true), '') = 'on'
        AND (NEW.profile_id, NEW.address_key, NEW.words, NEW.network) IS NOT DISTINCT FROM (NULL::bigint, '', '', '')
        AND EXISTS (SELECT FROM audiences_erasure e WHERE e.id = NEW.erasure_id)
        AND (NEW.id, NEW.service_id, NEW.channel, NEW.opted_out, NEW.at, NEW.source, NEW.by_id, NEW.reference, NEW.text_id)
            IS NOT DISTINCT FROM
            (OLD.id, OLD.service_id, OLD.channel, OLD.opted_out, OLD.at, OLD.source, OLD.by_id, OLD.reference, OLD.text_id)
    THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION '% of % is not allowed: what is written there stays.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'check_violation';
END $$;
DROP TRIGGER only_added ON audiences_consentevent;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audiences_consentevent
    FOR EACH ROW EXECUTE FUNCTION audiences_guard_consent();

CREATE FUNCTION audiences_empty_consents(profiles bigint[], keys text[], erasure bigint) RETURNS integer
LANGUAGE plpgsql AS $$
DECLARE
    n integer;
BEGIN
    PERFORM set_config('sinete.emptying', 'on', true);
    UPDATE audiences_consentevent c
        SET profile_id = NULL, address_key = '', words = '', network = '', erasure_id = erasure
        WHERE c.profile_id = ANY(profiles) OR c.address_key <> '' AND c.address_key = ANY(keys);
    GET DIAGNOSTICS n = ROW_COUNT;
    PERFORM set_config('sinete.emptying', '', true);
    RETURN n;
END $$;
"""
LOG_BEFORE = """
DROP FUNCTION audiences_empty_consents(bigint[], text[], bigint);
DROP TRIGGER only_added ON audiences_consentevent;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audiences_consentevent
    FOR EACH ROW EXECUTE FUNCTION audiences_refuse_change();
DROP FUNCTION audiences_guard_consent();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_names_of_fields"),
        ("audiences", "0016_trigrams"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]
    operations = [
        migrations.RunSQL(LOCKS, LOCKS),
        migrations.CreateModel(
            name="Erasure",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("at", models.DateTimeField(verbose_name="at")),
                (
                    "reference",
                    models.CharField(blank=True, default="", max_length=128, verbose_name="reference"),
                ),
                ("gone", models.JSONField(default=dict, verbose_name="erased")),
                ("waits", models.JSONField(default=dict, verbose_name="waits")),
                ("finished_at", models.DateTimeField(null=True, verbose_name="finished")),
                ("watched_until", models.DateTimeField(verbose_name="looked after until")),
                (
                    "by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="by",
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="accounts.organizationalunit",
                        verbose_name="unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "erasure",
                "verbose_name_plural": "erasures",
                "ordering": ["-id"],
                "indexes": [models.Index(fields=["watched_until"], name="erasure_watched")],
            },
        ),
        migrations.CreateModel(
            name="ErasedProfile",
            fields=[
                ("profile_id", models.BigIntegerField(primary_key=True, serialize=False)),
                (
                    "erasure",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="profiles",
                        to="audiences.erasure",
                    ),
                ),
            ],
            options={"verbose_name": "erased profile", "verbose_name_plural": "erased profiles"},
        ),
        migrations.AddField(
            model_name="consentevent",
            name="erasure",
            field=models.ForeignKey(
                db_constraint=False,
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consents",
                to="audiences.erasure",
                verbose_name="erasure",
            ),
        ),
        migrations.AlterField(
            model_name="suppression",
            name="kind",
            field=models.CharField(
                choices=[
                    ("domain", "Domain"),
                    ("md5", "MD5"),
                    ("sha1", "SHA-1"),
                    ("sha256", "SHA-256"),
                    ("keyed", "Erased person"),
                ],
                max_length=8,
                verbose_name="kind",
            ),
        ),
        migrations.RunSQL(LOG, LOG_BEFORE),
    ]
