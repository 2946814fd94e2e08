from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models


class Migration(migrations.Migration):
    """People without a good address are found without looking at everybody."""

    atomic = False

    dependencies = [("audiences", "0021_search_texts_of_those_here")]

    operations = [
        AddIndexConcurrently(
            "profile",
            models.Index(
                fields=["email_state", "id"],
                condition=~models.Q(email_state="good"),
                name="profile_no_good_address",
            ),
        )
    ]
