"""What Python's garbage collector looks at while much is made and freed again."""

import gc
import threading
from collections.abc import Iterator
from contextlib import contextmanager

NEW_OBJECTS = 20_000  # made but not freed between two looks at the young ones; Python's own is 700


_lock = threading.Lock()
_within = 0  # how many of this process's threads are inside, or how often one is
_thresholds: tuple[int, ...] = ()
_keeps = False  # whether this process passes over what stood at its beginning until it ends


@contextmanager
def without_old_objects() -> Iterator[None]:
    """Within it the collector passes over what stands already, and looks at the new more seldom.

    For work that makes and frees many objects beside all that Django has loaded, which stays: to look at
    that again and again finds nothing. Once nobody is inside any more everything is as it was, what came meanwhile
    included: what `keep_what_stands` passes over is passed over still.
    """
    _enter()
    try:
        yield
    finally:
        _leave()


@contextmanager
def while_loading() -> Iterator[None]:
    """Within it the collector looks at nothing; from its end on it passes over what stands then, as below.

    For the start of a program: what it loads stays, and the looks that find so take a seventh of the time.
    """
    gc.disable()
    try:
        yield
    finally:
        _keep()
        gc.enable()


def keep_what_stands() -> None:
    """From now on the collector passes over what stands already, and looks at the new more seldom.

    For a process that works until it ends: a page makes many thousand objects, which looks at all that Django has
    loaded each time interrupt for a third of a second.
    """
    gc.collect()
    _keep()


def _keep() -> None:
    global _keeps
    gc.freeze()
    gc.set_threshold(NEW_OBJECTS, *gc.get_threshold()[1:])
    _keeps = True


def _enter() -> None:
    global _within, _thresholds
    with _lock:
        _within += 1
        if _within == 1:
            _thresholds = gc.get_threshold()
            if not _keeps:  # there is one pile of what is passed over: to leave it would leave all
                gc.freeze()
            gc.set_threshold(NEW_OBJECTS, *_thresholds[1:])


def _leave() -> None:
    global _within
    with _lock:
        _within -= 1
        if not _within:
            gc.set_threshold(*_thresholds)
            if not _keeps:
                gc.unfreeze()
