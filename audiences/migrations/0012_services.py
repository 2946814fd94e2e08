import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

import audiences.models.service

LOCKS = "SET LOCAL lock_timeout = '10s'"  # nobody who writes to these tables waits longer
# The log is evidence: whoever may have to take something out of it some day replaces this by their one door.
LOG = """
CREATE FUNCTION audiences_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% of % is not allowed: what is written there stays.', TG_OP, TG_TABLE_NAME
        USING ERRCODE = 'check_violation';
END $$;
CREATE TRIGGER only_added BEFORE UPDATE OR DELETE ON audiences_consentevent
    FOR EACH ROW EXECUTE FUNCTION audiences_refuse_change();
CREATE TRIGGER versions_stay BEFORE DELETE OR UPDATE OF service_id, number, words, seal, author_id, at
    ON audiences_servicetext FOR EACH ROW EXECUTE FUNCTION audiences_refuse_change();
"""
LOG_BEFORE = """
DROP TRIGGER only_added ON audiences_consentevent;
DROP TRIGGER versions_stay ON audiences_servicetext;
DROP FUNCTION audiences_refuse_change();
"""
# As it was, with one way more: an address may have said no, and a service has its subscribers. What its reader has
# confirmed by mail stands against an earlier no, of that service alone. Without a service the planner drops all that.
SUPPRESSION = """
CREATE OR REPLACE FUNCTION audiences_suppression(profile audiences_profile, key text, channel text, service bigint)
RETURNS TABLE (cause text) LANGUAGE sql STABLE ROWS 1 AS $$
    SELECT CASE
        WHEN (
            (profile).no_contact
            OR channel = 'email' AND (profile).no_email
            OR channel = 'sms' AND (profile).no_sms
            OR EXISTS (
                SELECT FROM audiences_addressoptout a
                WHERE a.address_key = key AND a.channel IN (audiences_suppression.channel, 'any')
            )
        ) AND NOT (service IS NOT NULL AND EXISTS (
            SELECT FROM audiences_subscription s
            WHERE s.service_id = service AND s.profile_id = (profile).id AND s.ended_at IS NULL AND s.is_confirmed
        )) THEN 'opted_out'
        WHEN service IS NOT NULL AND NOT EXISTS (
            SELECT FROM audiences_subscription s
            WHERE s.service_id = service AND s.profile_id = (profile).id AND s.ended_at IS NULL
        ) THEN 'not_subscribed'
        WHEN (profile).consent_unclear AND NOT (service IS NOT NULL AND EXISTS (
            SELECT FROM audiences_subscription s
            WHERE s.service_id = service AND s.profile_id = (profile).id AND s.ended_at IS NULL AND s.is_confirmed
        )) THEN 'consent_unclear'
        ELSE (
            SELECT 'quarantined' FROM audiences_quarantine q
            WHERE q.channel = audiences_suppression.channel AND q.address_key = key
                AND q.status IN ('quarantine', 'denylist')
            LIMIT 1
        )
    END
$$;
"""

SUPPRESSION_BEFORE = """
CREATE OR REPLACE FUNCTION audiences_suppression(profile audiences_profile, key text, channel text, service bigint)
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


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0011_names_of_fields"),
        ("audiences", "0011_errors_forgiven"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.RunSQL(LOCKS, LOCKS),
        migrations.CreateModel(
            name="SignUp",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.BigIntegerField(
                        default=audiences.models.service.mail_key, editable=False, unique=True
                    ),
                ),
                ("address", models.CharField(max_length=320, verbose_name="address")),
                ("address_key", models.CharField(max_length=320)),
                ("language", models.CharField(max_length=16, verbose_name="language")),
                ("network", models.CharField(max_length=64, verbose_name="network")),
                ("at", models.DateTimeField(verbose_name="at")),
                ("mail_after", models.DateTimeField(verbose_name="mail leaves after")),
                ("tries", models.PositiveSmallIntegerField(default=0, verbose_name="tries")),
                ("mailed_at", models.DateTimeField(null=True, verbose_name="mailed")),
                ("confirmed_at", models.DateTimeField(null=True, verbose_name="confirmed")),
            ],
            options={
                "verbose_name": "sign-up",
                "verbose_name_plural": "sign-ups",
                "ordering": ["-id"],
            },
        ),
        migrations.CreateModel(
            name="Subscription",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subscribed_at", models.DateTimeField(verbose_name="subscribed")),
                ("ended_at", models.DateTimeField(null=True, verbose_name="ended")),
                (
                    "is_confirmed",
                    models.BooleanField(db_default=False, default=False, verbose_name="confirmed by mail"),
                ),
            ],
            options={
                "verbose_name": "subscription",
                "verbose_name_plural": "subscriptions",
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="consentevent",
            name="address_key",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=320, verbose_name="address"
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="network",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=64, verbose_name="network"
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="by",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="by",
            ),
        ),
        migrations.AlterField(
            model_name="consentevent",
            name="profile",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consents",
                to="audiences.profile",
                verbose_name="profile",
            ),
        ),
        migrations.CreateModel(
            name="AddressOptOut",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "channel",
                    models.CharField(
                        choices=[("email", "Email"), ("sms", "SMS"), ("any", "Any channel")],
                        max_length=16,
                        verbose_name="channel",
                    ),
                ),
                ("address_key", models.CharField(max_length=320, verbose_name="address")),
                ("at", models.DateTimeField(verbose_name="at")),
            ],
            options={
                "verbose_name": "opted-out address",
                "verbose_name_plural": "opted-out addresses",
                "ordering": ["-id"],
                "constraints": [
                    models.UniqueConstraint(fields=("address_key", "channel"), name="address_opt_out_once")
                ],
            },
        ),
        migrations.CreateModel(
            name="Service",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "key",
                    models.CharField(
                        default=audiences.models.service.public_key,
                        editable=False,
                        max_length=16,
                        unique=True,
                    ),
                ),
                ("label", models.CharField(max_length=128, verbose_name="label")),
                (
                    "public_name",
                    models.CharField(
                        help_text="On the form, in mails and on their pages.",
                        max_length=128,
                        verbose_name="name that readers see",
                    ),
                ),
                (
                    "double_opt_in",
                    models.BooleanField(
                        default=True,
                        help_text="Whoever signs up gets a mail, and is subscribed once they confirm by its link.",
                        verbose_name="double opt-in",
                    ),
                ),
                ("is_open", models.BooleanField(default=True, verbose_name="takes sign-ups")),
                ("created_at", models.DateTimeField(auto_now_add=True, verbose_name="created")),
                ("changed_at", models.DateTimeField(auto_now=True, verbose_name="changed")),
                (
                    "created_by",
                    models.ForeignKey(
                        editable=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
                (
                    "unit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="services",
                        to="accounts.organizationalunit",
                        verbose_name="unit",
                    ),
                ),
            ],
            options={
                "verbose_name": "service",
                "verbose_name_plural": "services",
                "ordering": ["label", "id"],
            },
        ),
        migrations.AddField(
            model_name="consentevent",
            name="service",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="consents",
                to="audiences.service",
                verbose_name="service",
            ),
        ),
        migrations.CreateModel(
            name="ServiceText",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("number", models.PositiveIntegerField(verbose_name="version")),
                ("words", models.JSONField(verbose_name="words")),
                ("seal", models.CharField(max_length=64, verbose_name="seal")),
                ("at", models.DateTimeField(verbose_name="written")),
                ("activated_at", models.DateTimeField(null=True, verbose_name="activated")),
                (
                    "activated_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="activated by",
                    ),
                ),
                (
                    "author",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                        verbose_name="author",
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="texts",
                        to="audiences.service",
                        verbose_name="service",
                    ),
                ),
            ],
            options={
                "verbose_name": "text of a service",
                "verbose_name_plural": "texts of services",
                "ordering": ["-id"],
            },
        ),
        migrations.AddField(
            model_name="service",
            name="text",
            field=models.ForeignKey(
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="audiences.servicetext",
            ),
        ),
        migrations.AddField(
            model_name="consentevent",
            name="text",
            field=models.ForeignKey(
                db_index=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="audiences.servicetext",
                verbose_name="text",
            ),
        ),
        migrations.AddField(
            model_name="signup",
            name="profile",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.CASCADE,
                related_name="+",
                to="audiences.profile",
                verbose_name="profile",
            ),
        ),
        migrations.AddField(
            model_name="signup",
            name="service",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="audiences.service",
                verbose_name="service",
            ),
        ),
        migrations.AddField(
            model_name="signup",
            name="text",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="audiences.servicetext",
                verbose_name="text",
            ),
        ),
        migrations.AddField(
            model_name="subscription",
            name="profile",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="subscriptions",
                to="audiences.profile",
                verbose_name="profile",
            ),
        ),
        migrations.AddField(
            model_name="subscription",
            name="service",
            field=models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="subscriptions",
                to="audiences.service",
                verbose_name="service",
            ),
        ),
        migrations.AddConstraint(
            model_name="servicetext",
            constraint=models.UniqueConstraint(fields=("service", "number"), name="service_text_once"),
        ),
        migrations.AddConstraint(
            model_name="service",
            constraint=models.UniqueConstraint(fields=("unit", "label"), name="service_label_once_in_a_unit"),
        ),
        migrations.AddIndex(
            model_name="signup",
            index=models.Index(
                condition=models.Q(("mailed_at", None), ("tries__lt", 6)),
                fields=["mail_after"],
                name="sign_up_due",
            ),
        ),
        migrations.AddIndex(
            model_name="signup",
            index=models.Index(fields=["address_key", "at"], name="sign_up_of_an_address"),
        ),
        migrations.AddConstraint(
            model_name="subscription",
            constraint=models.UniqueConstraint(fields=("service", "profile"), name="subscription_once"),
        ),
        migrations.RunSQL(LOG, LOG_BEFORE),
        migrations.RunSQL(SUPPRESSION, SUPPRESSION_BEFORE),
    ]
