from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models.fields.json import KT
from django.db.models.functions import Lower


class Migration(migrations.Migration):
    """Whom a copy of a proof went to, and whose values fill it, is found for one person at a time."""

    atomic = False

    dependencies = [("deliveries", "0038_deliveries_in_folders")]
    operations = [
        AddIndexConcurrently("proofmessage", models.Index(Lower("address"), name="proof_message_to")),
        AddIndexConcurrently(
            "proofmessage", models.Index(Lower(KT("values__email")), name="proof_message_of")
        ),
    ]
