"""What a person chose on a page is there again when they come back, on whatever machine: their own matter alone."""

from collections.abc import Mapping

from accounts.models import Remembered, User

MOST_CHARACTERS = 2_000  # of all names and values together


def recall(user: User, name: str) -> dict[str, str]:
    """What the person chose last under this name; nothing where they chose nothing."""
    values = Remembered.objects.filter(user=user, name=name).values_list("values", flat=True).first()
    return {str(key): str(value) for key, value in (values or {}).items()}


def remember(*, user: User, name: str, values: Mapping[str, str]) -> bool:
    """Keep the choice in place of the one before, and say whether it was kept: one that is too long isn't."""
    chosen = {key: value.replace("\0", "") for key, value in values.items() if value}
    if sum(len(key) + len(value) for key, value in chosen.items()) > MOST_CHARACTERS:
        return False
    if recall(user, name) != chosen:
        Remembered.objects.update_or_create(user=user, name=name, defaults={"values": chosen})
    return True
