"""The truth about an instance's state: what its invocations wrote, kept outside every guest."""

from collections.abc import Sequence

import trio

from wasm_host.errors import GuestError
from wasm_host.limits import GuestLimits

WRITES_AT_ONCE = 1_000
"""Writes that are taken over without a look at other tasks: half a millisecond."""


class InstanceState:
    """Keys and JSON text. An invocation's writes are taken over whole, or not at all."""

    __slots__ = ("_limits", "size_bytes", "values")

    def __init__(self, limits: GuestLimits) -> None:
        self._limits = limits
        self.values: dict[str, bytes] = {}
        self.size_bytes = 0

    def apply(self, writes: Sequence[tuple[str, bytes | None]]) -> GuestError | None:
        """Take over (key, JSON text or None to delete) in order; return why not, when it is too much.

        The guest of JavaScript keeps the same limits itself, and throws earlier; others are held to them here.
        """
        before: dict[str, bytes | None] = {}
        size_before = self.size_bytes
        for key, value in writes:
            before.setdefault(key, self.values.get(key))
            self._write(key, value)
        too_much = self._too_much(len(self.values), self.size_bytes)
        if too_much is not None:
            for key, value in before.items():
                self._write(key, value)
            self.size_bytes = size_before
        return too_much

    async def take(self, writes: Sequence[tuple[str, bytes | None]]) -> GuestError | None:
        """Do as ``apply``, with a look at other tasks where there are many.

        Nothing changes until all are judged.
        """
        if len(writes) <= WRITES_AT_ONCE:
            return self.apply(writes)
        after: dict[str, bytes | None] = {}
        size, count = self.size_bytes, len(self.values)
        for start in range(0, len(writes), WRITES_AT_ONCE):
            for key, value in writes[start : start + WRITES_AT_ONCE]:
                old = after[key] if key in after else self.values.get(key)
                if old is not None:
                    size -= len(key.encode()) + len(old)
                if value is not None:
                    size += len(key.encode()) + len(value)
                count += (value is not None) - (old is not None)
                after[key] = value
            await trio.lowlevel.checkpoint()
        too_much = self._too_much(count, size)
        if too_much is None:
            self.values.update({key: value for key, value in after.items() if value is not None})
            for key in [key for key, value in after.items() if value is None]:
                self.values.pop(key, None)
            self.size_bytes = size
        return too_much

    def undoing(self, writes: Sequence[tuple[str, bytes | None]]) -> list[tuple[str, bytes | None]]:
        """Return the writes that would undo these, as long as they have not been applied."""
        return [(key, self.values.get(key)) for key in {key for key, _ in writes}]

    def _write(self, key: str, value: bytes | None) -> None:
        old = self.values.pop(key, None)
        if old is not None:
            self.size_bytes -= len(key.encode()) + len(old)
        if value is not None:
            self.values[key] = value
            self.size_bytes += len(key.encode()) + len(value)

    def _too_much(self, keys: int, size_bytes: int) -> GuestError | None:
        limits = self._limits
        if keys > limits.state_keys:
            return _beyond("too many state keys", "state_keys", limits.state_keys)
        if size_bytes > limits.state_bytes:
            return _beyond("too much state", "state_bytes", limits.state_bytes)
        return None


def _beyond(what: str, limit: str, value: int) -> GuestError:
    return GuestError("StateLimitExceeded", f"{what}: {limit} is limited to {value}")
