"""Windows over time: which of them a moment belongs to, and which are over. Pure.

Times are whole milliseconds. A window has its beginning and not its end.
"""

from collections.abc import Sequence
from typing import Protocol

Window = tuple[int, int]
"""Beginning and end."""


class Windows(Protocol):
    """A kind of windows."""

    def of(self, at: int, open_windows: Sequence[Window]) -> tuple[Sequence[Window], Sequence[Window]]:
        """Return the windows that a moment belongs to, and those of the open ones that become part of them."""


class SlidingWindows:
    """Windows of one length, a new one at every step; tumbling ones where both are the same.

    Args:
        size_ms: of a window.
        step_ms: between the beginnings of two.
    """

    def __init__(self, size_ms: int, step_ms: int) -> None:
        self._size_ms = size_ms
        self._step_ms = step_ms

    def of(self, at: int, open_windows: Sequence[Window]) -> tuple[Sequence[Window], Sequence[Window]]:
        """Return the windows that a moment belongs to; no two ever become one."""
        del open_windows
        last = at - at % self._step_ms
        first = last - (self._size_ms - 1 - at % self._step_ms) // self._step_ms * self._step_ms
        return [(begin, begin + self._size_ms) for begin in range(first, last + 1, self._step_ms)], ()


class SessionWindows:
    """Windows that go on as long as less than a gap lies between two moments.

    Args:
        gap_ms: of silence, after which a session is over.
    """

    def __init__(self, gap_ms: int) -> None:
        self._gap_ms = gap_ms

    def of(self, at: int, open_windows: Sequence[Window]) -> tuple[Sequence[Window], Sequence[Window]]:
        """Return the session that a moment belongs to, and the sessions that it joins."""
        begin, end = at, at + self._gap_ms
        joined = [each for each in open_windows if each[0] < end and begin < each[1]]
        return [(min([begin, *(b for b, _ in joined)]), max([end, *(e for _, e in joined)]))], joined
