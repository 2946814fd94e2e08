from django.db import migrations, models


class Migration(migrations.Migration):
    """Columns of the desk have names of their own; nothing changes in the database."""

    dependencies = [
        ("accounts", "0010_remembered"),
    ]

    operations = [
        migrations.AlterField(
            model_name="role",
            name="code",
            field=models.SlugField(max_length=32, primary_key=True, serialize=False, verbose_name="code"),
        ),
        migrations.AlterField(
            model_name="role",
            name="rights",
            field=models.JSONField(default=list, verbose_name="rights"),
        ),
    ]
