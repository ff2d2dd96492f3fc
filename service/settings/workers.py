"""Settings of the processes in which work runs that cannot be sliced.

A part of the one table in ``service.settings.table``, apart for its length.
"""

import msgspec

from service.settings.kinds import Kind, whole_number
from service.settings.memory import MemorySettings
from workers.bounds import PoolBounds

_DEFAULTS = PoolBounds()
_PROCESSES = whole_number(1, 64)


class WorkerSettings(MemorySettings, frozen=True, kw_only=True):
    """How many worker processes there may be, and how large. ``WORKER_ROWS`` says what each field means."""

    worker_processes: int = _DEFAULTS.processes
    worker_memory_bytes: int = _DEFAULTS.memory_bytes
    compiler_processes: int = _DEFAULTS.processes

    def worker_bounds(self) -> PoolBounds:
        """The bounds of the workers with these settings put in."""
        return msgspec.structs.replace(
            _DEFAULTS, processes=self.worker_processes, memory_bytes=self.worker_memory_bytes
        )


WORKER_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = (
    (
        "worker_processes",
        ("WORKER_PROCESSES",),
        _PROCESSES,
        (
            "Processes for work that cannot be interrupted, such as long JMESPath expressions and the checking of "
            "large values against schemas; one organisation uses all but one of them at once."
        ),
    ),
    (
        "worker_memory_bytes",
        ("WORKER_MEMORY_BYTES",),
        whole_number(256 * 1024**2, 64 * 1024**3, "bytes"),
        "Address space of each of them; work that needs more is an error.",
    ),
    (
        "compiler_processes",
        ("COMPILER_PROCESSES",),
        _PROCESSES,
        (
            "WebAssembly modules that are compiled at once, each in a process of its own; of one organisation "
            "all but one."
        ),
    ),
)
