from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """The indexes over what is open are there again; they went with the column that is derived now."""

    atomic = False

    dependencies = [("deliveries", "0024_consent_unclear")]
    operations = [
        AddIndexConcurrently(
            "chunk",
            models.Index(fields=["delivery", "moment"], condition=Q(done=False), name="chunk_open_moment"),
        ),
        AddIndexConcurrently(
            "chunk",
            models.Index(fields=["delivery"], condition=Q(done=False, token__gt=0), name="chunk_taken"),
        ),
    ]
