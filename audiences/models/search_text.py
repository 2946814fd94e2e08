"""What a search for people looks through, beside the profiles: an import doesn't wait until it is indexed."""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from audiences.models.profile import Profile

PENDING_KB = 16_384


class SearchText(models.Model):
    """What people are found by, of one profile. PostgreSQL sees to it: no code writes here but `search_texts.fill`.

    There is no constraint to the profile, whose rows it would lock one by one: triggers delete what goes with it.
    """

    profile = models.OneToOneField(
        Profile,
        primary_key=True,
        on_delete=models.DO_NOTHING,
        related_name="search_text",
        db_constraint=False,
    )
    text = models.TextField()  # lower case, without accents, each field of the profile on a line of its own

    class Meta:
        indexes = [
            # What is new waits beside the index until much has come, or a search or the vacuum sorts it in.
            GinIndex(
                fields=["text"],
                name="search_text_trigrams",
                opclasses=["gin_trgm_ops"],
                fastupdate=True,
                gin_pending_list_limit=PENDING_KB,
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"


class SearchBacklog(models.Model):
    """Profiles that came or changed together, thousands of them, and whose texts are written later."""

    profile_ids = ArrayField(models.BigIntegerField())

    def __str__(self) -> str:
        return f"#{self.pk}"
