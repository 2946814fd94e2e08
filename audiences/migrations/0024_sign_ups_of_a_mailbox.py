from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """How many mails went to a mailbox of late is found without looking at all sign-ups."""

    atomic = False

    dependencies = [("audiences", "0023_addresses_that_change")]

    operations = [
        AddIndexConcurrently(
            "signup", models.Index(fields=["mailbox", "mail_after"], name="sign_up_of_a_mailbox")
        )
    ]
