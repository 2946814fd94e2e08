"""A route may sign what it sends; where its certificates are; how long a connection is kept."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("deliveries", "0005_new_time"),
    ]

    operations = [
        migrations.AddField(
            model_name="route",
            name="auth_in_clear",
            field=models.BooleanField(
                db_default=False,
                default=False,
                help_text="Only for a network that nobody else can listen to. Never needed for this machine itself.",
                verbose_name="password without encryption",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="ca_file",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Path to PEM certificates that vouch for this relay; empty: those of the system.",
                max_length=255,
                verbose_name="file of trusted certificates",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="dkim_domain",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                help_text="Messages get a DKIM signature of this domain; empty: none. Nothing leaves unsigned then.",
                max_length=255,
                verbose_name="domain that signs",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="dkim_key_file",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=255,
                verbose_name="or the file that holds it",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="dkim_key_variable",
            field=models.CharField(
                blank=True,
                db_default="",
                default="",
                max_length=64,
                verbose_name="environment variable that holds the private key",
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="dkim_selector",
            field=models.CharField(
                blank=True, db_default="", default="", max_length=128, verbose_name="selector"
            ),
        ),
        migrations.AddField(
            model_name="route",
            name="messages_per_connection",
            field=models.PositiveIntegerField(
                db_default=0,
                default=0,
                help_text="After so many a connection is closed and opened anew; 0: as many as there are.",
                verbose_name="messages of a connection",
            ),
        ),
        migrations.AddConstraint(
            model_name="route",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("dkim_domain", ""),
                    models.Q(
                        models.Q(("dkim_selector", ""), _negated=True),
                        models.Q(
                            models.Q(
                                ("dkim_key_file", ""), models.Q(("dkim_key_variable", ""), _negated=True)
                            ),
                            models.Q(
                                ("dkim_key_variable", ""), models.Q(("dkim_key_file", ""), _negated=True)
                            ),
                            _connector="OR",
                        ),
                    ),
                    _connector="OR",
                ),
                name="route_signs_with_one_key",
                violation_error_message="To sign, a selector and one place of the private key are needed: a variable or a file.",
            ),
        ),
    ]
