"""Settings of sandboxed code: what a component may ask for in its ``execution.limits``, and gets at most.

A part of the one table in ``service.settings.table``, apart for its length.
"""

from engine.components.guest_limits import maximum_limits
from proto.component import ExecutionLimits
from service.settings.kinds import Kind, whole_number
from service.settings.workers import WorkerSettings

_MAXIMUM = maximum_limits(None)
_GIB = 1024**3


class GuestSettings(WorkerSettings, frozen=True, kw_only=True):
    """The maximum of each limit of a guest, which is also the most that it gets by default."""

    max_guest_memory_bytes: int = _MAXIMUM.memory_bytes
    max_guest_cpu_ms: int = _MAXIMUM.cpu_ms
    max_guest_wall_ms: int = _MAXIMUM.wall_ms
    max_guest_close_ms: int = _MAXIMUM.close_ms
    max_guest_output_bytes: int = _MAXIMUM.output_bytes
    max_guest_emissions: int = _MAXIMUM.emissions
    max_guest_log_lines: int = _MAXIMUM.log_lines
    max_guest_log_bytes: int = _MAXIMUM.log_bytes
    max_guest_state_keys: int = _MAXIMUM.state_keys
    max_guest_state_bytes: int = _MAXIMUM.state_bytes

    def guest_limits(self) -> ExecutionLimits:
        """What a component may ask for."""
        return ExecutionLimits(**{name: getattr(self, _field(name)) for name in _BOUNDS})


def _field(name: str) -> str:
    return f"max_guest_{name}"


_BOUNDS: dict[str, tuple[str, Kind]] = {
    "memory_bytes": ("Linear memory of an instance.", whole_number(8 * 1024**2, 4 * _GIB - 64 * 1024, "bytes")),
    "cpu_ms": ("Computing time of one invocation.", whole_number(50, 3_600_000, "milliseconds")),
    "wall_ms": ("Time on the clock of one invocation.", whole_number(100, 86_400_000, "milliseconds")),
    "close_ms": ("Computing time of cleanup.", whole_number(10, 60_000, "milliseconds")),
    "output_bytes": ("JSON text emitted by one invocation.", whole_number(1_024, _GIB, "bytes")),
    "emissions": ("Values emitted by one invocation.", whole_number(1, 10_000_000)),
    "log_lines": ("Log lines kept of one invocation.", whole_number(1, 1_000_000)),
    "log_bytes": ("JSON text of the log lines of one invocation.", whole_number(1_024, _GIB, "bytes")),
    "state_keys": ("Keys of an instance's state.", whole_number(1, 10_000_000)),
    "state_bytes": ("Keys and JSON text of an instance's state.", whole_number(1_024, _GIB, "bytes")),
}
"""What each limit bounds, and which maxima make sense: memory ends where WebAssembly's addresses do."""

GUEST_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = tuple(
    (_field(name), (_field(name).upper(),), kind, f"{text} The most that a component may ask for, and gets.")
    for name, (text, kind) in _BOUNDS.items()
)
