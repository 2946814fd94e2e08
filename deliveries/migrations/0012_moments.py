"""Deliveries at a local hour in each recipient's zone, and in waves: the sending plan and what opens it."""

import django.core.validators
import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

FUNCTIONS = """
-- Until when rows with this gate may be handed over: counted from their own moment, or the start of sending.
CREATE FUNCTION deliveries_valid_until(delivery bigint, gate timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
    SELECT greatest(d.started_at, gate) + make_interval(hours => d.validity_hours)
    FROM deliveries_delivery d WHERE d.id = delivery
$$;

-- Whether a moment may be opened, now or so long ahead: its time, no hold, and of a wave those before it:
-- all through, and the last opened nearly an interval ago, so that a late start never runs waves together.
CREATE FUNCTION deliveries_may_leave(delivery bigint, moment integer, ahead interval) RETURNS boolean
LANGUAGE sql VOLATILE AS $$
    SELECT moment IS NULL OR coalesce((
        SELECT m.opened_at IS NOT NULL OR (
            m.not_before <= sinete_clock() + ahead
            AND (m.held_at IS NULL OR m.released_at IS NOT NULL)
            AND (m.gap_seconds IS NULL OR m.number = 1 OR (
                NOT EXISTS (
                    SELECT 1 FROM deliveries_chunk c
                    WHERE c.delivery_id = m.delivery_id AND c.moment < m.number AND NOT c.done
                ) AND EXISTS (
                    SELECT 1 FROM deliveries_moment p
                    WHERE p.delivery_id = m.delivery_id AND p.number = m.number - 1
                      AND p.opened_at <= sinete_clock() + ahead - make_interval(secs => m.gap_seconds * 0.9)
                )
            ))
        )
        FROM deliveries_moment m WHERE m.delivery_id = $1 AND m.number = $2
    ), false)
$$;

-- Open the moments whose time is reached. A wave is first judged by the bounces and errors of those before
-- it, and held if they are above the limit; what this call held is returned.
CREATE FUNCTION deliveries_open_moments(delivery bigint, only_judge boolean)
RETURNS TABLE (held integer, percent numeric, most numeric)
LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    m deliveries_moment;
    bad numeric;
    allowed numeric;
BEGIN
    FOR m IN
        SELECT * FROM deliveries_moment x
        WHERE x.delivery_id = delivery AND x.opened_at IS NULL AND x.not_before <= sinete_clock()
        ORDER BY x.number FOR UPDATE
    LOOP
        EXIT WHEN NOT deliveries_may_leave(delivery, m.number, interval '0');
        IF m.gap_seconds IS NOT NULL AND m.number > 1 AND m.released_at IS NULL THEN
            SELECT d.wave_limit INTO allowed FROM deliveries_delivery d WHERE d.id = delivery;
            SELECT round(100.0 * sum(c.failed - c.unsent) / nullif(sum(c.sent + c.failed - c.unsent), 0), 1)
                INTO bad FROM deliveries_chunk c WHERE c.delivery_id = delivery AND c.moment < m.number;
            IF bad > allowed THEN
                UPDATE deliveries_moment x SET held_at = sinete_clock(), held_percent = bad
                WHERE x.delivery_id = delivery AND x.number = m.number;
                RETURN QUERY SELECT m.number, bad, allowed;
                EXIT;
            END IF;
        END IF;
        EXIT WHEN only_judge;
        UPDATE deliveries_moment x SET opened_at = sinete_clock()
        WHERE x.delivery_id = delivery AND x.number = m.number;
    END LOOP;
END $$;

ALTER TABLE deliveries_staging ADD COLUMN zone text NOT NULL DEFAULT '';

CREATE TRIGGER sealed_moment BEFORE UPDATE OF moment ON deliveries_chunk
    FOR EACH ROW EXECUTE FUNCTION sinete_refuse_change();
"""
BACK = """
DROP TRIGGER sealed_moment ON deliveries_chunk;
ALTER TABLE deliveries_staging DROP COLUMN zone;
DROP FUNCTION deliveries_open_moments(bigint, boolean);
DROP FUNCTION deliveries_may_leave(bigint, integer, interval);
DROP FUNCTION deliveries_valid_until(bigint, timestamptz);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
        ("audiences", "0001_initial"),
        ("deliveries", "0011_limits"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="Moment",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "delivery_id", "number", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "delivery",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="moments",
                        to="deliveries.delivery",
                        verbose_name="delivery",
                    ),
                ),
                ("number", models.IntegerField(verbose_name="number")),
                (
                    "zone",
                    models.CharField(
                        blank=True, db_default="", default="", max_length=64, verbose_name="time zone"
                    ),
                ),
                ("without_zone", models.IntegerField(db_default=0, default=0)),
                ("not_before", models.DateTimeField(null=True, verbose_name="not before")),
                ("gap_seconds", models.IntegerField(null=True)),
                ("seq_from", models.IntegerField()),
                ("seq_to", models.IntegerField()),
                ("opened_at", models.DateTimeField(null=True)),
                ("first_left_at", models.DateTimeField(null=True, verbose_name="first message left")),
                ("held_at", models.DateTimeField(null=True, verbose_name="held")),
                ("held_percent", models.DecimalField(decimal_places=1, max_digits=4, null=True)),
                ("released_at", models.DateTimeField(null=True, verbose_name="released")),
                (
                    "released_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "verbose_name": "moment",
                "verbose_name_plural": "moments",
            },
        ),
        migrations.RemoveConstraint(
            model_name="delivery",
            name="delivery_date_where_scheduled",
        ),
        migrations.AddField(
            model_name="chunk",
            name="moment",
            field=models.IntegerField(null=True),
        ),
        migrations.AddField(
            model_name="delivery",
            name="first_moment",
            field=models.DateTimeField(editable=False, null=True, verbose_name="first moment"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="last_moment",
            field=models.DateTimeField(editable=False, null=True, verbose_name="last moment"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="local_date",
            field=models.DateField(blank=True, null=True, verbose_name="day"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="local_hour",
            field=models.TimeField(blank=True, null=True, verbose_name="local hour"),
        ),
        migrations.AddField(
            model_name="delivery",
            name="past_choice",
            field=models.CharField(
                choices=[
                    ("next_day", "At the same hour of the next day"),
                    ("now", "Now, with OK"),
                    ("leave_out", "Leave them out"),
                ],
                default="next_day",
                max_length=16,
                verbose_name="whose hour has passed",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="wave_by",
            field=models.CharField(
                blank=True,
                choices=[
                    ("number", "waves"),
                    ("share", "percent of all in each wave"),
                    ("size", "messages in each wave"),
                ],
                default="",
                max_length=8,
                verbose_name="waves by",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="wave_limit",
            field=models.DecimalField(
                blank=True,
                decimal_places=1,
                max_digits=4,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(0),
                    django.core.validators.MaxValueValidator(100),
                ],
                verbose_name="Hold the next wave above this percentage of bounces and errors",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="wave_minutes",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(10080),
                ],
                verbose_name="Minutes between waves",
            ),
        ),
        migrations.AddField(
            model_name="delivery",
            name="wave_value",
            field=models.PositiveIntegerField(
                blank=True,
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(100000000),
                ],
                verbose_name="Number",
            ),
        ),
        migrations.AlterField(
            model_name="delivery",
            name="schedule_kind",
            field=models.CharField(
                blank=True,
                choices=[
                    ("", "Not chosen yet"),
                    ("at_once", "At once, when confirmed"),
                    ("at_date", "At a date"),
                    ("local_hour", "At a local hour in each recipient's time zone"),
                    ("waves", "In waves"),
                    ("recurring", "Recurring"),
                ],
                default="",
                max_length=16,
                verbose_name="when",
            ),
        ),
        migrations.AlterField(
            model_name="exclusion",
            name="cause",
            field=models.CharField(
                choices=[
                    ("no_address", "Address not specified"),
                    ("malformed", "Malformed address"),
                    ("opted_out", "Opted out"),
                    ("quarantined", "Quarantined address"),
                    ("duplicate", "Duplicate"),
                    ("written_to", "Address written to before"),
                    ("hour_passed", "Local hour has passed"),
                ],
                max_length=16,
                verbose_name="cause",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("contact_date__isnull", False), ("schedule_kind", "at_date")),
                    ("schedule_kind", "waves"),
                    models.Q(
                        models.Q(("schedule_kind", "at_date"), _negated=True), ("contact_date__isnull", True)
                    ),
                    _connector="OR",
                ),
                name="delivery_date_where_scheduled",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("schedule_kind", "local_hour"), _negated=True),
                    models.Q(("local_date__isnull", False), ("local_hour__isnull", False)),
                    _connector="OR",
                ),
                name="delivery_hour_where_local",
            ),
        ),
        migrations.AddConstraint(
            model_name="delivery",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("schedule_kind", "waves"), _negated=True),
                    models.Q(
                        models.Q(("wave_by", ""), _negated=True),
                        ("wave_minutes__isnull", False),
                        ("wave_value__isnull", False),
                    ),
                    _connector="OR",
                ),
                name="delivery_waves_whole",
            ),
        ),
        migrations.RunSQL(FUNCTIONS, BACK),
    ]
