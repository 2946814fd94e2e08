"""Where something lies, in words; and which folder is meant by words."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.utils.translation import gettext_lazy as _

from accounts.models import User
from campaign.lib import numbers
from campaign.lib.refusals import Refusal
from deliveries.models import Folder

BETWEEN = " › "


class NoSuchFolder(Refusal):
    message = _(
        "There is no folder “%(text)s”, or more than one: name it by its number, as list_folders shows it."
    )
    code = "no_such_folder"
    exit_code = 2


def in_order(folders: Iterable[Folder]) -> list[Folder]:
    """Each behind the one in which it lies, those of one place by label; `depth` and `in_words` are set. One query.

    What lies in a folder that is not among them stands by itself, with its whole path in words.
    """
    rows = list(folders)
    name(rows)
    known = {folder.pk for folder in rows}
    for folder in rows:
        folder.depth = sum(pk in known for pk in folder.lineage[:-1])
    return sorted(rows, key=lambda folder: [part.casefold() for part in folder.words])


def offered(user: User) -> list[Folder]:
    """The folders that this person may see, in order."""
    return in_order(Folder.objects.visible_to(user).select_related("unit"))


def name(folders: Sequence[Folder]) -> None:
    """Set `words`, the labels down to each folder, and `in_words`, the same as people read it; in one query."""
    wanted = {pk for folder in folders for pk in folder.lineage}
    labels = dict(Folder.objects.filter(pk__in=wanted).values_list("pk", "label")) if wanted else {}
    for folder in folders:
        folder.words = [labels[pk] for pk in folder.lineage if pk in labels]
        folder.in_words = BETWEEN.join(folder.words)


def annotate(rows: Iterable[Any]) -> None:
    """Name the folders of these deliveries, read with them; in one query, none where all lie in none."""
    name([row.folder for row in rows if row.folder is not None])


def in_words(folder: Folder) -> str:
    """Summer › July."""
    name([folder])
    return folder.in_words


def named(text: str, *, by: User | None) -> Folder:
    """The folder of this number, or of this label or the end of its path: 12, July, Summer > July.

    Raise NoSuchFolder where the person may see none such, or several.
    """
    rows = Folder.objects.select_related("unit")
    rows = rows.visible_to(by) if by is not None else rows
    if (pk := numbers.key(text.strip())) is not None:
        found = list(rows.filter(pk=pk))
    else:
        wanted = [part.strip().casefold() for part in text.replace(BETWEEN.strip(), ">").split(">")]
        found = list(rows.filter(label__iexact=wanted[-1].replace("\0", ""))[:100])
        name(found)
        found = [each for each in found if _ends(each, wanted)]
    if len(found) != 1:
        raise NoSuchFolder(text=text[:200])
    return found[0]


def _ends(folder: Any, wanted: list[str]) -> bool:
    return [word.casefold() for word in folder.words][-len(wanted) :] == wanted
