"""A right of its own to erase what is known of a person; nothing in the tables changes."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0013_see_addresses")]
    operations = [
        migrations.AlterModelOptions(
            "organizationalunit",
            {
                "ordering": ["path"],
                "permissions": [
                    ("view_deliveries", "See deliveries, profiles and audiences"),
                    ("prepare_deliveries", "Prepare deliveries"),
                    ("start_deliveries", "Start deliveries"),
                    ("approve_deliveries", "Approve deliveries"),
                    ("import_profiles", "Import profiles"),
                    ("declare_attributes", "Declare and remove attributes of profiles"),
                    ("export_data", "Export lists and logs"),
                    ("export_personal_data", "Export personal data"),
                    ("see_addresses", "See addresses"),
                    ("administer", "Administer users, units, routes and quarantine"),
                    ("erase_personal_data", "Erase personal data"),
                ],
                "verbose_name": "organisational unit",
                "verbose_name_plural": "organisational units",
            },
        ),
    ]
