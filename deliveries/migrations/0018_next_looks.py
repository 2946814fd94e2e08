"""What the tick looks for each second is found by indexes that no exchange of a lane writes to.

A chunk's token changes when it is claimed and when it is taken over, so it may stand in a condition; its lease and
its marks change with each exchange, and may not.
"""

from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

OPEN = models.Q(("done", False))


class Migration(migrations.Migration):
    atomic = False  # indexes are built beside a running send

    dependencies = [
        ("deliveries", "0017_salted_rows"),
    ]

    operations = [
        AddIndexConcurrently(
            model_name="chunk",
            index=models.Index(fields=["delivery", "moment"], condition=OPEN, name="chunk_open_moment"),
        ),
        RemoveIndexConcurrently(model_name="chunk", name="chunk_open"),
        AddIndexConcurrently(
            model_name="chunk",
            index=models.Index(
                fields=["delivery"], condition=models.Q(("done", False), ("token__gt", 0)), name="chunk_taken"
            ),
        ),
        AddIndexConcurrently(
            model_name="delivery", index=models.Index(fields=["ended_at"], name="delivery_ended")
        ),
    ]
