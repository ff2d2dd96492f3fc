"""The time that Python's collection of garbage takes, of the whole process: it stops everything else.

It is measured from the first question on, by the collector's own hook, which costs a microsecond for each
collection.
"""

import gc
import time
from typing import Any


class _Garbage:
    def __init__(self) -> None:
        self.seconds = 0.0
        self._began = 0.0
        self._is_measured = False

    def measure(self) -> float:
        """Measure from now on, if not yet; return the seconds so far."""
        if not self._is_measured:
            self._is_measured = True
            gc.callbacks.append(self._hear)
        return self.seconds

    def _hear(self, phase: str, info: dict[str, Any]) -> None:
        del info
        if phase == "start":
            self._began = time.perf_counter()
        elif self._began:
            self.seconds += time.perf_counter() - self._began


_garbage = _Garbage()


def garbage_seconds() -> float:
    """Return the seconds that collections have taken since this was first asked."""
    return _garbage.measure()
