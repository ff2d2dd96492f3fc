"""Settings of the memory that callers may cause, all together and each organisation.

A part of the one table in ``service.settings.table``, apart for its length.
"""

from engine.limits import EngineLimits
from engine.memory.ledger import OWNER_SETTING, PROCESS_SETTING
from service.settings.http import HttpSettings
from service.settings.kinds import Kind, whole_number

_DEFAULTS = EngineLimits()
_BYTES = whole_number(0, 2**46, "bytes, 0 for no bound")


class MemorySettings(HttpSettings, frozen=True, kw_only=True):
    """How much memory callers may cause. ``MEMORY_ROWS`` says what each field means."""

    max_memory_bytes: int = _DEFAULTS.memory_bytes
    org_max_memory_bytes: int = _DEFAULTS.owner_memory_bytes
    sandbox_memory_bytes: int = _DEFAULTS.sandbox_memory_bytes
    org_sandbox_memory_bytes: int = _DEFAULTS.owner_sandbox_memory_bytes
    memory_limit_bytes: int = 0
    memory_guard_percent: int = 80

    def most_resident_bytes(self, available_bytes: int) -> int:
        """What the process may take before it takes in nothing new; 0 for no bound.

        Args:
            available_bytes: what the machine or its control group has for it; 0 where that is not known.
        """
        return (self.memory_limit_bytes or available_bytes) * self.memory_guard_percent // 100


MEMORY_ROWS: tuple[tuple[str, tuple[str, ...], Kind, str], ...] = (
    (
        "max_memory_bytes",
        (PROCESS_SETTING,),
        _BYTES,
        (
            "Memory that all callers together may cause: messages, states, logs, graphs, histories, bodies and "
            "replies; beyond it, status 503. The memory of the sandbox comes on top."
        ),
    ),
    (
        "org_max_memory_bytes",
        (OWNER_SETTING,),
        _BYTES,
        "The same for one organisation; beyond it, status 429.",
    ),
    (
        "sandbox_memory_bytes",
        ("SANDBOX_MEMORY_BYTES",),
        _BYTES,
        (
            "Linear memory of all instances of sandboxed code together, but for the first 2 MiB of each, as "
            "far as they have grown; an instance that wants more meets MemoryLimitExceeded."
        ),
    ),
    (
        "org_sandbox_memory_bytes",
        ("ORG_SANDBOX_MEMORY_BYTES",),
        _BYTES,
        "The same for the instances of one organisation.",
    ),
    (
        "memory_limit_bytes",
        ("MEMORY_LIMIT_BYTES",),
        whole_number(0, 2**46, "bytes, 0 for what the control group or the machine has"),
        "Memory that the whole process may take.",
    ),
    (
        "memory_guard_percent",
        ("MEMORY_GUARD_PERCENT",),
        whole_number(0, 100, "per cent, 0 for no guard"),
        (
            "The share of it beyond which nothing new is taken in: status 503, until it is less. What runs goes "
            "on, and reading, stopping and deleting are answered."
        ),
    ),
)
