"""Settings of sandboxed code: what a component may ask for in its ``execution.limits``, and gets at most.

Memory ends where WebAssembly's addresses do.
"""

from typing import Annotated

import msgspec

from engine.components.guest_limits import maximum_limits
from proto.component import ExecutionLimits
from service.settings.kinds import Kind, Setting, whole_number

_MAXIMUM = maximum_limits(None)
_GIB = 1024**3


def _maximum(variable: str, kind: Kind, bounds: str) -> Setting:
    return Setting(variable, kind, f"{bounds} The most that a component may ask for, and gets.")


class GuestSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The maximum of each limit of a guest, which is also the most that it gets by default."""

    memory_bytes: Annotated[
        int,
        _maximum(
            "MAX_GUEST_MEMORY_BYTES",
            whole_number(8 * 1024**2, 4 * _GIB - 64 * 1024, "bytes"),
            "Linear memory of an instance.",
        ),
    ] = _MAXIMUM.memory_bytes
    cpu_ms: Annotated[
        int,
        _maximum(
            "MAX_GUEST_CPU_MS", whole_number(50, 3_600_000, "milliseconds"), "Computing time of one invocation."
        ),
    ] = _MAXIMUM.cpu_ms
    wall_ms: Annotated[
        int,
        _maximum(
            "MAX_GUEST_WALL_MS",
            whole_number(100, 86_400_000, "milliseconds"),
            "Time on the clock of one invocation.",
        ),
    ] = _MAXIMUM.wall_ms
    close_ms: Annotated[
        int,
        _maximum("MAX_GUEST_CLOSE_MS", whole_number(10, 60_000, "milliseconds"), "Computing time of cleanup."),
    ] = _MAXIMUM.close_ms
    output_bytes: Annotated[
        int,
        _maximum(
            "MAX_GUEST_OUTPUT_BYTES", whole_number(1_024, _GIB, "bytes"), "JSON text emitted by one invocation."
        ),
    ] = _MAXIMUM.output_bytes
    emissions: Annotated[
        int,
        _maximum("MAX_GUEST_EMISSIONS", whole_number(1, 10_000_000), "Values emitted by one invocation."),
    ] = _MAXIMUM.emissions
    log_lines: Annotated[
        int,
        _maximum("MAX_GUEST_LOG_LINES", whole_number(1, 1_000_000), "Log lines kept of one invocation."),
    ] = _MAXIMUM.log_lines
    log_bytes: Annotated[
        int,
        _maximum(
            "MAX_GUEST_LOG_BYTES",
            whole_number(1_024, _GIB, "bytes"),
            "JSON text of the log lines of one invocation.",
        ),
    ] = _MAXIMUM.log_bytes
    state_keys: Annotated[
        int,
        _maximum("MAX_GUEST_STATE_KEYS", whole_number(1, 10_000_000), "Keys of an instance's state."),
    ] = _MAXIMUM.state_keys
    state_bytes: Annotated[
        int,
        _maximum(
            "MAX_GUEST_STATE_BYTES",
            whole_number(1_024, _GIB, "bytes"),
            "Keys and JSON text of an instance's state.",
        ),
    ] = _MAXIMUM.state_bytes

    def limits(self) -> ExecutionLimits:
        """Return the limits that a component may ask for at most."""
        return ExecutionLimits(**msgspec.structs.asdict(self))
