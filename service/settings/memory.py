"""Settings of the memory that callers may cause, all together and each organisation."""

from typing import Annotated

import msgspec

from engine.limits import EngineLimits
from engine.memory.ledger import OWNER_SETTING, PROCESS_SETTING
from service.settings.kinds import Setting, whole_number

_DEFAULTS = EngineLimits()
_BYTES = whole_number(0, 2**46, "bytes, 0 for no bound")


class MemorySettings(msgspec.Struct, frozen=True, kw_only=True):
    """Bounds of the memory that callers may cause."""

    max_bytes: Annotated[
        int,
        Setting(
            PROCESS_SETTING,
            _BYTES,
            (
                "Memory that all callers together may cause: messages, states, logs, graphs, histories, bodies "
                "and replies; beyond it, status 503. The memory of the sandbox comes on top."
            ),
        ),
    ] = _DEFAULTS.memory_bytes
    org_max_bytes: Annotated[
        int,
        Setting(
            OWNER_SETTING,
            _BYTES,
            "The same for one organisation; beyond it, status 429.",
        ),
    ] = _DEFAULTS.owner_memory_bytes
    sandbox_bytes: Annotated[
        int,
        Setting(
            "SANDBOX_MEMORY_BYTES",
            _BYTES,
            (
                "Linear memory of all instances of sandboxed code together, but for the first 2 MiB of each, as "
                "far as they have grown; an instance that wants more meets MemoryLimitExceeded."
            ),
        ),
    ] = _DEFAULTS.sandbox_memory_bytes
    org_sandbox_bytes: Annotated[
        int,
        Setting(
            "ORG_SANDBOX_MEMORY_BYTES",
            _BYTES,
            "The same for the instances of one organisation.",
        ),
    ] = _DEFAULTS.owner_sandbox_memory_bytes
    limit_bytes: Annotated[
        int,
        Setting(
            "MEMORY_LIMIT_BYTES",
            whole_number(0, 2**46, "bytes, 0 for what the control group or the machine has"),
            "Memory that the whole process may take.",
        ),
    ] = 0
    guard_percent: Annotated[
        int,
        Setting(
            "MEMORY_GUARD_PERCENT",
            whole_number(0, 100, "per cent, 0 for no guard"),
            (
                "The share of it beyond which nothing new is taken in: status 503, until it is less. What runs "
                "goes on, and reading, stopping and deleting are answered."
            ),
        ),
    ] = 80

    def most_resident_bytes(self, available_bytes: int) -> int:
        """Return the bytes that the process may take before it takes in nothing new; 0 for no bound.

        Args:
            available_bytes: what the machine or its control group has for it; 0 where that is not known.
        """
        return (self.limit_bytes or available_bytes) * self.guard_percent // 100
