"""What Python's garbage collector looks at while much is made and freed again."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 20_000  # made but not freed between two looks at the young ones; Python's own is 700


@contextmanager
def without_old_objects() -> Iterator[None]:
    """Within it the collector passes over what stands already, and looks at the new more seldom.

    For a job that makes and frees many objects beside all that Django has loaded, which stays: to look at
    that again and again finds nothing. Afterwards everything is as it was, what came meanwhile included.
    """
    thresholds = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *thresholds[1:])
    try:
        yield
    finally:
        gc.set_threshold(*thresholds)
        gc.unfreeze()
