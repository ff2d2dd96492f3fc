"""The windows of a stream that are not over, by key, and what their values amount to until now. Pure."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from engine.builtin.parts.aggregates import Amount, Fact, Operation
from engine.builtin.parts.kept import distinct, key_bytes, key_of, lane_of
from engine.builtin.parts.refusal import RefusedError
from engine.builtin.parts.time_windows import Window

WINDOWS_LIMIT = 10_000
"""Windows that are open, or over and not given out, of all keys together."""

KEY_WINDOWS_LIMIT = 1_000
"""Windows of one key among them."""

_WINDOW_BYTES = 600

KeptWindow = tuple[bytes, int, int, int, int, list[Any]]
"""A window as it is kept: key, beginning, end, count, lane, and what its aggregates have come to."""


class OpenWindow:
    """The amounts of the values of one window.

    Args:
        amounts: of each aggregate.
        epoch: in which it may be changed: later, it is in a snapshot.

    Attributes:
        amounts: the same.
        epoch: the same.
        count: of its values.
        lane: the tightest of theirs.
    """

    __slots__ = ("amounts", "count", "epoch", "lane")

    def __init__(self, amounts: list[Amount], epoch: int) -> None:
        self.amounts = amounts
        self.epoch = epoch
        self.count = 0
        self.lane = 0

    @property
    def held_bytes(self) -> int:
        """The bytes that it takes."""
        return _WINDOW_BYTES + sum([amount.held_bytes for amount in self.amounts])

    def copy(self, epoch: int) -> "OpenWindow":
        """Return one that can be changed in that epoch."""
        other = OpenWindow([amount.copy() for amount in self.amounts], epoch)
        other.count, other.lane = self.count, self.lane
        return other

    def kept(self, key: str, window: Window) -> KeptWindow:
        """Return it in a form that can be encoded."""
        return key_bytes(key), *window, self.count, self.lane, [amount.kept() for amount in self.amounts]


Closed = tuple[str, Window, OpenWindow]
"""A window that is over, with its key."""


class OpenWindows:
    """The windows that are open, and those that are over and wait to be given out.

    Args:
        operations: the aggregates of each.

    Attributes:
        over: the latter, the first end first.
        held_bytes: the bytes that all of them take.
    """

    def __init__(self, operations: Sequence[Operation]) -> None:
        self.over: deque[Closed] = deque()
        self.held_bytes = 0
        self._operations = operations
        self._open: dict[str, dict[Window, OpenWindow]] = {}
        self._count = 0
        self._first_end: int | None = None  # of any; None where it has to be looked for
        self._epoch = 0

    def __len__(self) -> int:
        return self._count + len(self.over)

    def of(self, key: str) -> tuple[Window, ...]:
        """Return the windows of a key that are open."""
        return tuple(self._open.get(key, ()))

    def add(
        self, key: str, windows: Sequence[Window], joined: Sequence[Window], facts: Sequence[Fact], lane: int
    ) -> None:
        """Take a value in.

        Args:
            key: of the value.
            windows: that it belongs to, which are opened where they are not.
            joined: open ones that become part of the one that it belongs to.
            facts: what each aggregate needs of it.
            lane: of the value.

        Raises:
            RefusedError: there would be too many windows, or values to be told apart; nothing has changed.
        """
        self._refuse(self._open.get(key, {}), windows, joined, facts)
        for window in windows:
            parts = [self._close(key, each) for each in sorted(joined) if each != window]
            found = self._changeable(key, window)
            before = found.held_bytes
            for part in parts:
                for amount, other in zip(found.amounts, part.amounts, strict=True):
                    amount.join(other)
                found.count += part.count
                found.lane = max(found.lane, part.lane)
            for amount, fact in zip(found.amounts, facts, strict=True):
                amount.add(fact)
            found.count += 1
            found.lane = max(found.lane, lane)
            self.held_bytes += found.held_bytes - before

    def _refuse(
        self,
        open_windows: Mapping[Window, OpenWindow],
        windows: Sequence[Window],
        joined: Sequence[Window],
        facts: Sequence[Fact],
    ) -> None:
        new = sum([window not in open_windows for window in windows]) - len(set(joined) - set(windows))
        if len(self) + new > WINDOWS_LIMIT or len(open_windows) + new > KEY_WINDOWS_LIMIT:
            limits = f"{WINDOWS_LIMIT} windows, and {KEY_WINDOWS_LIMIT} of one key"
            raise RefusedError("TooManyWindows", f"This node keeps {limits}, and this value needs more")
        for window in (*windows, *joined):
            found = open_windows.get(window)
            for amount, fact in zip(found.amounts if found else (), facts, strict=False):
                amount.refuse(fact)

    def _changeable(self, key: str, window: Window) -> OpenWindow:
        of_key = self._open.get(key)
        if of_key is None:
            of_key = self._open[key] = {}
            self.held_bytes += len(key)
        found = of_key.get(window)
        if found is None:
            found = OpenWindow([Amount(each) for each in self._operations], self._epoch)
            of_key[window] = found
            self.held_bytes += found.held_bytes
            self._count += 1
            if self._first_end is not None:
                self._first_end = min(self._first_end, window[1])
        elif found.epoch != self._epoch:
            found = of_key[window] = found.copy(self._epoch)
        return found

    def _close(self, key: str, window: Window) -> OpenWindow:
        of_key = self._open[key]
        closed = of_key.pop(window)
        self._count -= 1
        self.held_bytes -= closed.held_bytes
        if self._first_end is not None and window[1] <= self._first_end:
            self._first_end = None
        if not of_key:
            del self._open[key]
            self.held_bytes -= len(key)
        return closed

    def first_end(self) -> int | None:
        """Return when the first one is over; None where none is open."""
        if self._first_end is None and self._open:
            self._first_end = min([end for windows in self._open.values() for _, end in windows])
        return self._first_end if self._open else None

    def end(self, ms: int | None = None) -> bool:
        """Close the windows whose end is not after a time, or all of them; return whether there are any."""
        first = self.first_end()
        if first is None or (ms is not None and first > ms):
            return False
        over = [
            (end, begin, key)
            for key, windows in self._open.items()
            for begin, end in windows
            if ms is None or end <= ms
        ]
        for end, begin, key in sorted(over):
            closed = self._close(key, (begin, end))
            self.over.append((key, (begin, end), closed))
            self.held_bytes += closed.held_bytes
        return True

    def take_over(self, count: int) -> list[Closed]:
        """Let go of so many that are over, and return them."""
        taken = [self.over.popleft() for _ in range(min(count, len(self.over)))]
        self.held_bytes -= sum([window.held_bytes for _, _, window in taken])
        return taken

    def snapshot(self) -> Callable[[], tuple[list[KeptWindow], list[KeptWindow]]]:
        """Return what makes all of them a form that can be encoded: those that are open, and those that are over.

        What is changed later is copied first, so that this costs a moment now and the rest when it is written.
        """
        self._epoch += 1
        rows = [(key, *each) for key, windows in self._open.items() for each in windows.items()]
        over = tuple(self.over)

        def make() -> tuple[list[KeptWindow], list[KeptWindow]]:
            return (
                [found.kept(key, window) for key, window, found in rows],
                [found.kept(key, window) for key, window, found in over],
            )

        return make

    def restore(self, rows: Sequence[KeptWindow], over: Sequence[KeptWindow]) -> None:
        """Go on with what was kept; raises ValueError and its like where that cannot be."""
        distinct(key + b" %d %d" % (begin, end) for key, begin, end, *_ in rows)
        for row in rows:
            name, window = key_of(row[0]), (row[1], row[2])
            found = self._changeable(name, window)
            self.held_bytes -= found.held_bytes
            self._open[name][window] = restored = self._restored(row)
            self.held_bytes += restored.held_bytes
        for row in over:
            restored = self._restored(row)
            self.over.append((key_of(row[0]), (row[1], row[2]), restored))
            self.held_bytes += restored.held_bytes

    def _restored(self, row: KeptWindow) -> OpenWindow:
        _, begin, end, count, lane, kept = row
        if count < 1 or begin >= end:
            raise ValueError("a window has values, and ends after it begins")
        amounts = [Amount.restored(each, one) for each, one in zip(self._operations, kept, strict=True)]
        window = OpenWindow(amounts, self._epoch)
        window.count, window.lane = count, lane_of(lane)
        return window


def windows_in(rest: Any) -> tuple[list[KeptWindow], list[KeptWindow]]:
    """Read the two lists of a snapshot; raises msgspec.ValidationError where they are none."""
    return msgspec.convert(rest, tuple[list[KeptWindow], list[KeptWindow]])
