"""What readers do is counted by PostgreSQL in the transaction that stores it: by what the rows add, change or take away.

The rules stand here a second time, on purpose: tests compare these figures with a recount, and that with one by hand.
"""

import django.db.models.deletion
from django.db import migrations, models

KINDS = {"open": "opens", "click": "clicks", "mirror": "mirrors", "unsubscribe": "unsubscribes"}
# A class that is not known any more is one that was never sure.
CLASSES = {"human": "= 'human'", "unsure": "NOT IN ('human', 'machine')", "machine": "= 'machine'"}
EACH = {
    f"{kind}_{who}": f"kind = '{kind}' AND agent_kind {test}"
    for kind in KINDS
    for who, test in CLASSES.items()
}
FIGURES = {
    "opens": "coalesce(sum(sign * greatest(opens, 1)) FILTER (WHERE reacted), 0)",
    "openers": "coalesce(sum(sign) FILTER (WHERE reacted), 0)",
    "clicks": "sum(sign * clicks)",
    "clickers": "coalesce(sum(sign) FILTER (WHERE clicks > 0), 0)",
    "mirror_views": "sum(sign * mirrors)",
    "unsubscribers": "coalesce(sum(sign) FILTER (WHERE unsubscribes > 0 OR told), 0)",
}
SENT = 1
OF_OPENS = 1  # the bit of a message that left with the picture

ADD = """
CREATE FUNCTION reporting_classes_added(was jsonb, more jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT jsonb_object_agg(k.key, (
        SELECT jsonb_object_agg(c.key, jsonb_build_array(
            greatest(0, coalesce((was -> k.key -> c.key ->> 0)::bigint, 0) + (c.value ->> 0)::bigint),
            greatest(0, coalesce((was -> k.key -> c.key ->> 1)::bigint, 0) + (c.value ->> 1)::bigint)
        )) FROM jsonb_each(k.value) c
    )) FROM jsonb_each(more) k
$$;
"""

# Who counts waits for whoever counts the same delivery, and then looks at what is committed: two that bring hits of one
# message at a time both find it opened once. The row is the last thing that such a transaction locks.
HELD = """
    INSERT INTO reporting_deliverystatistics
        (delivery_id, opens, openers, clicks, clickers, mirror_views, unsubscribers, by_class)
    SELECT DISTINCT c.delivery_id, 0, 0, 0, 0, 0, 0, '{}'::jsonb FROM (CHANGED) c ORDER BY 1 ON CONFLICT DO NOTHING;
    PERFORM 1 FROM reporting_deliverystatistics s WHERE s.delivery_id IN (SELECT c.delivery_id FROM (CHANGED) c)
    ORDER BY s.delivery_id FOR NO KEY UPDATE;
"""
HITS = """
    SELECT COUNTS FROM feedback_hit h WHERE h.delivery_id = c.delivery_id AND h.seq = c.seq
"""
TOLD = """
    SELECT EXISTS (
        SELECT FROM feedback_report r WHERE r.delivery_id = c.delivery_id AND r.seq = c.seq AND r.is_current
            AND r.evidence = 'unsubscribe'
    ) AS told
"""
# Of each message what its hits came to, with -1, and what they come to now, with 1.
BEFORE_AND_AFTER = """
    SELECT c.delivery_id, c.seq, s.sign, EITHER, t.told, m.can_tell
    FROM (SELECT delivery_id, seq, SIGNED FROM (CHANGED) each GROUP BY delivery_id, seq) c
    CROSS JOIN LATERAL (
        SELECT status, tracked & OF_OPENS <> 0 AS can_tell FROM deliveries_message WHERE delivery_id = c.delivery_id AND seq = c.seq OFFSET 0
    ) m
    CROSS JOIN LATERAL (HITS) n CROSS JOIN LATERAL (TOLD) t CROSS JOIN (VALUES (1), (-1)) s (sign)
    WHERE m.status = SENT
"""
KEPT = """
    UPDATE reporting_deliverystatistics s SET ADDED, by_class = reporting_classes_added(s.by_class, more.by_class)
    FROM (
        SELECT delivery_id, SUMS, BY_CLASS AS by_class
        FROM (
            SELECT *, opens + clicks + mirrors + unsubscribes > 0 AND can_tell AS reacted FROM (SELECT *, PEOPLE FROM (STATES) x) y
        ) z GROUP BY delivery_id
    ) more WHERE s.delivery_id = more.delivery_id;
"""
OF_HITS = """
CREATE FUNCTION reporting_count_hits_NAME() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    HELD
    KEPT
    RETURN NULL;
END $$;
CREATE TRIGGER count_hits_NAME AFTER EVENT ON feedback_hit REFERENCING TABLES
    FOR EACH STATEMENT EXECUTE FUNCTION reporting_count_hits_NAME();
"""
# A message that did not arrive after all takes what came back of it along, and one that did brings it. Of what is being sent
# nothing came back yet, almost: what did is found by the hourly count.
OF_MESSAGES = """
CREATE FUNCTION reporting_count_message() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NOT EXISTS (SELECT FROM feedback_hit h WHERE h.delivery_id = NEW.delivery_id AND h.seq = NEW.seq)
        OR NEW_IS_FINAL
    THEN
        RETURN NULL;
    END IF;
    HELD
    KEPT
    RETURN NULL;
END $$;
CREATE TRIGGER count_reactions AFTER UPDATE OF status ON deliveries_message FOR EACH ROW
    WHEN ((OLD.status = SENT) <> (NEW.status = SENT) AND OLD.status NOT IN (0, 3))
    EXECUTE FUNCTION reporting_count_message();
"""
# What was counted before rows went by a retention period stays.
FINAL = "EXISTS (SELECT FROM reporting_keptfigures k WHERE k.delivery_id = ROW.delivery_id)"
ONE_MESSAGE = "SELECT NEW.delivery_id AS delivery_id, NEW.seq AS seq"
AS_IT_IS = """
    SELECT c.delivery_id, c.seq, CASE NEW.status WHEN SENT THEN 1 ELSE -1 END AS sign, n.*, t.told,
        NEW.tracked & OF_OPENS <> 0 AS can_tell
    FROM (CHANGED) c CROSS JOIN LATERAL (HITS) n CROSS JOIN LATERAL (TOLD) t
"""
EVENTS = {
    "added": ("INSERT", "NEW TABLE AS added", {"added": 1}),
    "changed": ("UPDATE", "OLD TABLE AS taken NEW TABLE AS added", {"added": 1, "taken": -1}),
    "removed": ("DELETE", "OLD TABLE AS taken", {"taken": -1}),
}


def filled(text, **texts):
    """The text with others in the places of words in capitals, those inside these too."""
    texts |= {
        "COUNTS": ", ".join(f"count(*) FILTER (WHERE {test}) AS {name}" for name, test in EACH.items()),
        "SIGNED": ", ".join(f"coalesce(sum(sign) FILTER (WHERE {test}), 0) AS {name}" for name, test in EACH.items()),
        "EITHER": ", ".join(f"n.{name} - CASE s.sign WHEN 1 THEN 0 ELSE c.{name} END AS {name}" for name in EACH),
        "PEOPLE": ", ".join(f"{kind}_human + {kind}_unsure AS {name}" for kind, name in KINDS.items()),
        "ADDED": ", ".join(f"{name} = greatest(0, s.{name} + more.{name})" for name in FIGURES),
        "SUMS": ", ".join(f"{how} AS {name}" for name, how in FIGURES.items()),
        "BY_CLASS": f"jsonb_build_object({', '.join(map(classes, KINDS))})",
        "HITS": HITS, "TOLD": TOLD, "HELD": HELD, "KEPT": KEPT, "SENT": str(SENT), "OF_OPENS": str(OF_OPENS),
        "NEW_IS_FINAL": FINAL.replace("ROW", "NEW"),
    }  # fmt: skip
    for _depth in range(4):
        for word, instead in texts.items():
            text = text.replace(word, instead)
    return text


def classes(kind):
    each = ", ".join(
        f"'{who}', jsonb_build_array(sum(sign * {kind}_{who}),"
        f" coalesce(sum(sign) FILTER (WHERE {kind}_{who} > 0), 0))"
        for who in CLASSES
    )
    return f"'{kind}', jsonb_build_object({each})"


def of_event(name):
    event, tables, signs = EVENTS[name]
    changed = " UNION ALL ".join(
        f"SELECT delivery_id, seq, kind, agent_kind, {sign} AS sign FROM {table} WHERE NOT {FINAL.replace('ROW', table)}"
        for table, sign in signs.items()
    )
    return filled(
        OF_HITS.replace("NAME", name).replace("EVENT", event).replace("TABLES", tables),
        STATES=BEFORE_AND_AFTER, CHANGED=changed,
    )  # fmt: skip


FORWARD = "\n".join([ADD, *map(of_event, EVENTS), filled(OF_MESSAGES, STATES=AS_IT_IS, CHANGED=ONE_MESSAGE)])
BACKWARD = "\n".join(
    [
        "DROP TRIGGER count_reactions ON deliveries_message;",
        "DROP FUNCTION reporting_count_message();",
        *(
            f"DROP TRIGGER count_hits_{name} ON feedback_hit; DROP FUNCTION reporting_count_hits_{name}();"
            for name in EVENTS
        ),
        "DROP FUNCTION reporting_classes_added(jsonb, jsonb);",
    ]
)
PATIENCE = "SET LOCAL lock_timeout = '10s'"


class Migration(migrations.Migration):
    """What came before is counted by the next hourly count, as it was."""

    dependencies = [
        ("deliveries", "0041_tracked_messages"),
        ("feedback", "0005_hits_by_month"),
        ("reporting", "0006_log_filters"),
    ]
    operations = [
        migrations.RunSQL(PATIENCE, PATIENCE),
        # No key to the delivery in the database: the row is made where hits come in, and must wait for nobody who holds it.
        migrations.AlterField(
            "deliverystatistics",
            "delivery",
            models.OneToOneField(
                db_constraint=False,
                on_delete=django.db.models.deletion.CASCADE,
                primary_key=True,
                related_name="statistics",
                serialize=False,
                to="deliveries.delivery",
            ),
        ),
        migrations.AlterField(
            "deliverystatistics", "folded_at", models.DateTimeField(null=True, verbose_name="checked")
        ),
        migrations.AddField(
            "fold",
            "repaired",
            models.PositiveIntegerField(db_default=0, default=0, verbose_name="deliveries put right"),
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
