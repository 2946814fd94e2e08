"""How many messages an hour may leave, by a route, to a mailbox provider, of a delivery."""

import django.contrib.postgres.fields
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

ONE_PROVIDER_A_DOMAIN = """
CREATE FUNCTION deliveries_guard_provider() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- Of two that come at once, one waits here and sees what the other wrote.
    PERFORM 1 FROM deliveries_route WHERE id = NEW.route_id FOR NO KEY UPDATE;
    IF EXISTS (
        SELECT 1 FROM deliveries_providerlimit p
        WHERE p.route_id = NEW.route_id AND p.id <> NEW.id AND p.domains && NEW.domains
    ) THEN
        RAISE EXCEPTION 'A domain belongs to one mailbox provider of a route.' USING ERRCODE = 'check_violation';
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER guard_provider BEFORE INSERT OR UPDATE ON deliveries_providerlimit
    FOR EACH ROW EXECUTE FUNCTION deliveries_guard_provider();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("audiences", "0001_initial"),
        ("deliveries", "0010_series"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ProviderLimit",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("name", models.CharField(max_length=64, verbose_name="mailbox provider")),
                (
                    "domains",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=253), size=None, verbose_name="domains"
                    ),
                ),
                ("limit_per_hour", models.PositiveIntegerField(verbose_name="messages an hour at most")),
            ],
            options={
                "verbose_name": "limit of a mailbox provider",
                "verbose_name_plural": "limits of mailbox providers",
                "ordering": ["route", "name"],
            },
        ),
        migrations.AddField(
            model_name="delivery",
            name="limit_per_hour",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Empty: as fast as the route takes them.",
                null=True,
                verbose_name="messages an hour at most",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="limit_per_hour",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="Of all deliveries and workers together; empty: as fast as the relay takes them.",
                null=True,
                verbose_name="messages an hour at most",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("limit_per_hour", None),
                    models.Q(("limit_per_hour__gte", 1), ("limit_per_hour__lte", 100000000)),
                    _connector="OR",
                ),
                name="delivery_limit_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("limit_per_hour", None),
                    models.Q(("limit_per_hour__gte", 1), ("limit_per_hour__lte", 100000000)),
                    _connector="OR",
                ),
                name="route_limit_in_range",
            ),
        ),
        migrations.AddField(
            model_name="providerlimit",
            name="route",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.CASCADE,
                related_name="provider_limits",
                to="deliveries.route",
                verbose_name="route",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerlimit",
            constraint=models.UniqueConstraint(fields=("route", "name"), name="provider_limit_one_of_a_name"),
        ),
        migrations.AddConstraint(
            model_name="providerlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("limit_per_hour__gte", 1), ("limit_per_hour__lte", 100000000)),
                name="provider_limit_in_range",
            ),
        ),
        migrations.AddConstraint(
            model_name="providerlimit",
            constraint=models.CheckConstraint(
                condition=models.Q(("domains__len__gte", 1)), name="provider_limit_has_a_domain"
            ),
        ),
        migrations.RunSQL(
            ONE_PROVIDER_A_DOMAIN,
            "DROP TRIGGER guard_provider ON deliveries_providerlimit; DROP FUNCTION deliveries_guard_provider();",
        ),
    ]
