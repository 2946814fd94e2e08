"""A series and its occurrences are called as the pages call them: recurring deliveries and their runs."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("deliveries", "0044_retention")]

    operations = [
        migrations.AlterModelOptions(
            name="occurrence",
            options={"ordering": ["-moment"], "verbose_name": "run", "verbose_name_plural": "runs"},
        ),
        migrations.AlterModelOptions(
            name="series",
            options={"verbose_name": "recurring delivery", "verbose_name_plural": "recurring deliveries"},
        ),
    ]
