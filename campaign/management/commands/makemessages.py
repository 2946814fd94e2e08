"""Django's makemessages for this project: our names of gettext, and a file that only changes with the texts."""

from pathlib import Path
from typing import Any

from django.core.management.commands import makemessages


class Command(makemessages.Command):
    """Afterwards locale/*/LC_MESSAGES/django.po has every text of the code, sorted, and no other."""

    # Texts in code are marked by these short names too; Django's own list knows only `_`.
    xgettext_options = [*makemessages.Command.xgettext_options, "--keyword=_t", "--keyword=n_"]
    # A guess from a similar text would be shipped unread.
    msgmerge_options = [*makemessages.Command.msgmerge_options, "--no-fuzzy-matching", "--sort-output"]

    def handle(self, *args: Any, **options: Any) -> None:
        options["ignore_patterns"] = [*options["ignore_patterns"], ".venv", "var", "tests", "styleguide.html"]
        super().handle(*args, **options | {"no_location": True, "no_wrap": True, "no_obsolete": True})

    def write_po_file(self, potfile: str, locale: str) -> None:
        """Without the date of the run: two runs over the same code give the same file."""
        super().write_po_file(potfile, locale)
        for file in Path(potfile).parent.glob(f"{locale}/LC_MESSAGES/{self.domain}.po"):
            lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
            kept = [line for line in lines if not line.startswith('"POT-Creation-Date')]
            file.write_text("".join(kept), encoding="utf-8")
