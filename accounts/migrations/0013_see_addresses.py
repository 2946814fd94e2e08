"""A right of its own to see addresses; whoever sees people keeps it, and the shipped roles are written anew."""

from typing import Any

from django.db import migrations

SEEN, ADDRESSES = "view_deliveries", "see_addresses"


def keep(apps: Any, schema_editor: Any) -> None:
    """Give it to the roles of this installation's own that see people; what ships, `sync_roles` writes."""
    for role in apps.get_model("accounts", "Role").objects.all():
        if SEEN in role.rights and ADDRESSES not in role.rights and not _is_shipped(role.code):
            role.rights = [*role.rights, ADDRESSES]
            role.save(update_fields=["rights"])


def _is_shipped(code: str) -> bool:
    return code in {"administration", "prepare", "start", "approve", "import", "attributes", "export"}


class Migration(migrations.Migration):
    dependencies = [("accounts", "0012_export_personal_data")]
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
                ],
                "verbose_name": "organisational unit",
                "verbose_name_plural": "organisational units",
            },
        ),
        migrations.RunPython(keep, migrations.RunPython.noop),
    ]
