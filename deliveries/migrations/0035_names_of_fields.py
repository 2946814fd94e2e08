import uuid

from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns of the desk have names of their own; nothing changes in the database."""

    dependencies = [
        ("deliveries", "0034_pictures"),
    ]

    operations = [
        migrations.AlterField(
            model_name="instance",
            name="beat_at",
            field=models.DateTimeField(null=True, verbose_name="mark grew"),
        ),
        migrations.AlterField(
            model_name="instance",
            name="environment",
            field=models.CharField(db_default="", default="", max_length=64, verbose_name="environment"),
        ),
        migrations.AlterField(
            model_name="instance",
            name="generation",
            field=models.UUIDField(default=uuid.uuid4, verbose_name="generation"),
        ),
        migrations.AlterField(
            model_name="instance",
            name="mark",
            field=models.BigIntegerField(db_default=0, default=0, verbose_name="mark"),
        ),
        migrations.AlterField(
            model_name="instance",
            name="system",
            field=models.CharField(
                db_default="", default="", max_length=80, verbose_name="server and database"
            ),
        ),
        migrations.AlterField(
            model_name="instance",
            name="timeline",
            field=models.IntegerField(db_default=0, default=0, verbose_name="timeline"),
        ),
        migrations.AlterField(
            model_name="statuschange",
            name="detail",
            field=models.JSONField(default=dict, verbose_name="details"),
        ),
        migrations.AlterField(
            model_name="statuschange",
            name="seal",
            field=models.CharField(blank=True, default="", max_length=64, verbose_name="seal"),
        ),
    ]
