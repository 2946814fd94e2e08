"""What workers do for this app: ids in, one call, nothing else."""

from accounts import audit
from audiences import imports


def run_import(*, import_id: int, **_: object) -> None:
    with audit.entered("job"):
        imports.run(import_id=import_id)


def wake_imports(**_: object) -> None:
    with audit.entered("job"):
        imports.wake()
        imports.expire()
