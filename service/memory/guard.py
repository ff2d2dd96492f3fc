"""The last guard: when the process takes too much memory, it takes in nothing new, before the kernel ends it.

What is refused is what would be charged: graphs, components, executions, messages, bodies, feeds. What runs goes
on, and reading, stopping and deleting are answered as ever: they are what makes it less.
"""

from collections.abc import Callable

import structlog
import trio

from engine.memory.ledger import Ledger
from service.memory.allocator import give_back
from service.memory.resident import resident_bytes

LOOK_SECONDS = 0.1
"""The time between two looks. Two cores fill some hundred megabytes in this time, which the share leaves free."""

REOPENING_SHARE = 0.95
"""The part of the bound to which it must come down after it was shut: otherwise it would open and shut ten times
a second."""

GIVING_BACK_SECONDS = 10.0
"""The time between two requests to the allocator to give back what it keeps: that takes up to a millisecond for
each megabyte, in which nothing else goes on. So it is asked only where all new work would be refused otherwise."""

COMPLAINT_SECONDS = 10.0
"""The time between two lines in the log."""

log = structlog.get_logger("memory")


class MemoryGuard:
    """The guard that looks at the memory of the process, and shuts the ledger where it is too much.

    Args:
        ledger: of what tenants cause.
        most_bytes: what the process may take.
        read_bytes: what it takes now.

    Attributes:
        resident_bytes: what it took at the last look.
        shut: how often the ledger has been shut.
    """

    def __init__(self, ledger: Ledger, most_bytes: int, read_bytes: Callable[[], int] = resident_bytes) -> None:
        self._ledger = ledger
        self._most_bytes = most_bytes
        self._read_bytes = read_bytes
        self._told_seconds = -COMPLAINT_SECONDS
        self._is_told = False
        self._gave_back_seconds = -GIVING_BACK_SECONDS
        self.resident_bytes = 0
        self.shut = 0

    async def run(self) -> None:
        """Look until cancelled."""
        while True:
            self.look()
            await trio.sleep(LOOK_SECONDS)

    def look(self) -> None:
        """Shut or open the ledger as the memory of this moment asks for."""
        self.resident_bytes = self._read_bytes()
        if self.resident_bytes > self._most_bytes:
            self._give_back()
        is_shut = bool(self._ledger.shut_for)
        if self.resident_bytes > self._most_bytes:
            reason = (
                f"The service takes {self.resident_bytes} bytes of memory, more than the {self._most_bytes} "
                "of its share (MEMORY_LIMIT_BYTES, MEMORY_GUARD_PERCENT)"
            )
            self._ledger.shut(reason)
            if not is_shut:
                self.shut += 1
                self._tell_of_shutting()
        elif is_shut and self.resident_bytes < self._most_bytes * REOPENING_SHARE:
            self._ledger.open()
            if self._is_told:
                log.warning("memory guard open", resident_bytes=self.resident_bytes)

    def _give_back(self) -> None:
        """See whether it is only the allocator that keeps so much."""
        now = trio.current_time()
        if now - self._gave_back_seconds >= GIVING_BACK_SECONDS:
            self._gave_back_seconds = now
            give_back()
            self.resident_bytes = self._read_bytes()

    def _tell_of_shutting(self) -> None:
        now = trio.current_time()
        self._is_told = now - self._told_seconds >= COMPLAINT_SECONDS
        if self._is_told:
            self._told_seconds = now
            tenants_bytes = self._ledger.held_bytes
            log.warning("memory guard shut", resident_bytes=self.resident_bytes, tenants_bytes=tenants_bytes)
