"""Settings of the processes in which work runs that cannot be sliced."""

from typing import Annotated

import msgspec

from service.settings.kinds import Setting, whole_number
from workers.bounds import PoolBounds

_DEFAULTS = PoolBounds()
_PROCESSES = whole_number(1, 64)


class WorkerSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The number and the size of worker processes."""

    processes: Annotated[
        int,
        Setting(
            "WORKER_PROCESSES",
            _PROCESSES,
            (
                "Processes for work that cannot be interrupted, such as long JMESPath expressions and the "
                "checking of large values against schemas; one organisation uses all but one of them at once."
            ),
        ),
    ] = _DEFAULTS.processes
    memory_bytes: Annotated[
        int,
        Setting(
            "WORKER_MEMORY_BYTES",
            whole_number(256 * 1024**2, 64 * 1024**3, "bytes"),
            "Address space of each of them; work that needs more is an error.",
        ),
    ] = _DEFAULTS.memory_bytes
    compiler_processes: Annotated[
        int,
        Setting(
            "COMPILER_PROCESSES",
            _PROCESSES,
            (
                "WebAssembly modules that are compiled at once, each in a process of its own; of one organisation "
                "all but one."
            ),
        ),
    ] = _DEFAULTS.processes

    def bounds(self) -> PoolBounds:
        """Return the bounds of the workers with these settings put in."""
        return msgspec.structs.replace(_DEFAULTS, processes=self.processes, memory_bytes=self.memory_bytes)
