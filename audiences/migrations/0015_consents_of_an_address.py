from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    """What an address said is found for one address at a time."""

    atomic = False

    dependencies = [("audiences", "0014_counted")]
    operations = [
        AddIndexConcurrently(
            "consentevent",
            models.Index(
                fields=["address_key"], condition=~Q(address_key=""), name="consent_event_of_address"
            ),
        ),
    ]
