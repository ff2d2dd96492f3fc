"""What one guest may use. On by default; the service may lower or raise them per component."""

from __future__ import annotations

import msgspec

__all__ = ["MAXIMUM_LIMITS", "MAX_INSTANCES", "OWNER_MEMORY_BYTES", "PROCESS_MEMORY_BYTES", "GuestLimits"]


class GuestLimits(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of one guest instance. Each ends the invocation that meets it, and never the service."""

    memory_bytes: int = 64 * 1024 * 1024
    """Linear memory. A value lives in it up to five times: as text, parsed, changed, written, and copied."""

    cpu_ms: int = 2_000
    """Processor time of one invocation, looked at after each slice. A loop without end costs this much."""

    wall_ms: int = 30_000
    """Time on the clock of one invocation; longer than cpu_ms because guests wait for their turns."""

    close_ms: int = 200
    """Computing time of cleanup: a stop must not wait for a component that does not want to end."""

    output_bytes: int = 8 * 1024 * 1024
    """JSON text emitted by one invocation: beyond it, emit throws."""

    emissions: int = 10_000
    """Values emitted by one invocation: one message may not become an avalanche unnoticed."""

    log_lines: int = 1_000
    """Log lines kept of one invocation; further ones are dropped, and their number is logged."""

    log_bytes: int = 256 * 1024
    """JSON text of the log lines kept of one invocation."""

    state_keys: int = 1_000
    """Keys that one instance's state may hold: beyond it, setState throws."""

    state_bytes: int = 1024 * 1024
    """Keys and JSON text that one instance's state may hold; the host keeps a copy of each."""

    source_bytes: int = 1024 * 1024
    """UTF-8 text of one program: parsing is the guest's work, but the text travels through the host."""

    module_bytes: int = 32 * 1024 * 1024
    """A WebAssembly module or component. One written in Python has 18 MB, nearly all of them Python's own."""

    compile_ms: int = 90_000
    """Time on the clock to compile one, in a process of its own. One written in Python takes 10 s."""

    translate_ms: int = 2_000
    """Computing time for reading a program in TypeScript: 1 MB takes 300 ms, unless it was made to take long."""

    table_elements: int = 100_000
    """Entries of a module's tables, which live in the host's memory and not in the guest's."""


MAXIMUM_LIMITS = GuestLimits(
    memory_bytes=256 * 1024 * 1024,
    cpu_ms=30_000,
    wall_ms=300_000,
    close_ms=1_000,
    output_bytes=64 * 1024 * 1024,
    emissions=100_000,
    log_lines=10_000,
    log_bytes=4 * 1024 * 1024,
    state_keys=100_000,
    state_bytes=32 * 1024 * 1024,
)
"""What a component may ask for, where the service says nothing else; what it does not ask for is as above.

Four to fifty times the default: room for a component that needs it, and still less than a machine has.
"""

MAX_INSTANCES = 2_000
"""Guests alive at once in one host: a gigabyte when all are idle, and two graphs of the largest size."""

PROCESS_MEMORY_BYTES = 256 * 1024 * 1024
"""Linear memory of all guests of a host together, but for the first 2 MiB of each: what a machine of 2 GB can
spare beside everything else. An operator with more says so."""

OWNER_MEMORY_BYTES = 192 * 1024 * 1024
"""The same for the guests of one owner: three quarters, so that others' can grow beside them."""
