"""The guests' share of the machine's memory, of all together and of those of one owner.

Every guest has a limit of its own, but a machine has no room for all of them at their limits. So memory is given
by need: what a guest's linear memory has grown to is counted after each of its slices, and before each of them its
limit is lowered to what is left, if that is less. Guests run one at a time, so the sum is exact.

A guest that is refused memory meets that as it would meet its own limit; only the message is another.
"""

import os
from collections import deque
from pathlib import Path

import trio

from wasm_host.wasmtime_c import core as capi

FREE_BYTES = 2 * 1024 * 1024
"""Bytes of each guest that are not counted: an idle one of JavaScript has 1.7 MB, of which 0.3 MB are resident.
How many there may be is bounded by itself."""

_AT_ONCE_BYTES = 4 * 1024 * 1024
"""Freed in one step: a thousand pages, half a millisecond."""

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_STATM = os.open("/proc/self/statm", os.O_RDONLY) if Path("/proc/self/statm").exists() else -1


def resident_bytes() -> int:
    """Return what the process has of the machine's memory now; 0 where the system does not say. Costs 5 µs."""
    return int(os.pread(_STATM, 128, 0).split()[1]) * _PAGE_BYTES if _STATM >= 0 else 0


class GuestMemory:
    """A count of what the guests of a host have.

    Args:
        process_bytes: the bound of all guests together
        owner_bytes: the bound of one owner's guests

    Attributes:
        used_bytes: what all of them have now.
        least_bytes: as long as all of them have no more, no bound is near.
    """

    def __init__(self, process_bytes: int, owner_bytes: int) -> None:
        self.process_bytes = process_bytes
        self.owner_bytes = owner_bytes
        self.least_bytes = min(process_bytes, owner_bytes)
        self.used_bytes = 0
        self._by_owner: dict[str, int] = {}

    def room_bytes(self, owner: str) -> int:
        """Return how much more an owner's guests may have now."""
        room = min(self.process_bytes - self.used_bytes, self.owner_bytes - self._by_owner.get(owner, 0))
        return max(0, room)

    def add(self, owner: str, more_bytes: int) -> None:
        """Count what one of them has got, or what is gone where it is negative."""
        self.used_bytes += more_bytes
        left = self._by_owner.get(owner, 0) + more_bytes
        if left:
            self._by_owner[owner] = left
        else:
            self._by_owner.pop(owner, None)

    def used_by(self, owner: str) -> int:
        """Return what an owner's guests have now."""
        return self._by_owner.get(owner, 0)


class GuestReclaimer:
    """The release of large guests, piece by piece: giving 256 MB back to the kernel takes it 40 ms and more."""

    def __init__(self, memory: GuestMemory) -> None:
        self._memory = memory
        self._waiting: deque[tuple[capi.Store, str, int]] = deque()
        self._work = trio.Event()
        self._rest = trio.Event()
        self._is_running = False
        self._is_stopped = False

    def take(self, store: capi.Store, owner: str, counted_bytes: int) -> None:
        """Free a store that nobody will use any more: at once where it is small, or soon."""
        if counted_bytes <= _AT_ONCE_BYTES or not self._is_running:
            self._close(store, owner, counted_bytes)
            return
        store.abandon()
        self._waiting.append((store, owner, counted_bytes))
        self._work.set()

    async def settled(self) -> None:
        """Return when all that was brought is free. No checkpoint where nothing was."""
        while self._waiting:
            await self._rest.wait()

    def stop(self) -> None:
        """Let ``run`` return, when it has freed all that was brought, at once."""
        self._is_stopped = True
        self._work.set()

    async def run(self) -> None:
        """Free what is brought until it is stopped, or cancelled; then all that is left."""
        self._is_running = True
        try:
            while not self._is_stopped:
                await self._work.wait()
                self._work = trio.Event()
                while self._waiting and not self._is_stopped:
                    await self._free(self._waiting[0][0])
                    self._close(*self._waiting.popleft())
                rest, self._rest = self._rest, trio.Event()
                rest.set()
        finally:
            self._is_running = False
            while self._waiting:
                self._close(*self._waiting.popleft())
            self._rest.set()

    async def _free(self, store: capi.Store) -> None:
        instance = store.own_instance
        size = 0 if instance is None else instance.memory_bytes()
        for at in range(0, size, _AT_ONCE_BYTES):
            assert instance is not None  # noqa: S101 - it has a size
            instance.give_back(at, min(_AT_ONCE_BYTES, size - at))
            await trio.lowlevel.checkpoint()

    def _close(self, store: capi.Store, owner: str, counted_bytes: int) -> None:
        store.close()
        self._memory.add(owner, -counted_bytes)
