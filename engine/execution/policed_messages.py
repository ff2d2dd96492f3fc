"""The messages that wait on one edge with a policy: by priority, and first in, first out within one.

They stand in for the deque of an inbox (``engine.execution.inbox``). All messages of an edge may wait as long as
each other, so those of one priority come in the order of their deadlines, and what has expired is at the front;
unless a person has put them in another order.
"""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from math import inf

import trio

from engine.compile.loaded_graph import EdgeRules
from engine.contracts.handler import Message
from engine.execution.priorities import priority_reader


class PolicedMessages:
    """Messages that wait, by priority; and beside them those that have expired and are not away yet.

    Args:
        rules: of the edge.
        on_deadline: called where a message has a deadline and nobody has been told of one; ``is_watched`` is then
            true until whoever watches says otherwise.

    Attributes:
        is_held: whether somebody holds the edge: then only what is let through may be taken.
        is_watched: whether somebody looks for what expires.
        through: messages of a held edge that were let through and are taken before all others.
        expired: messages that may not be processed any more, oldest first. They count as waiting.
    """

    __slots__ = (
        "_count",
        "_is_shuffled",
        "_levels",
        "_lives_seconds",
        "_on_deadline",
        "_present",
        "_priority",
        "_read",
        "expired",
        "is_held",
        "is_watched",
        "through",
    )

    def __init__(self, rules: EdgeRules, on_deadline: Callable[[], None]) -> None:
        self._priority = rules.priority
        self._read = priority_reader(rules.field) if rules.field else None
        self._lives_seconds = rules.expire_seconds
        self._on_deadline = on_deadline
        self._levels: dict[int, deque[tuple[float, Message]]] = {}
        self._present = 0  # a bit for each priority of which messages wait
        self._count = 0
        self._is_shuffled = False  # then deadlines may stand in any order
        self.is_held = self.is_watched = False
        self.through: deque[Message] = deque()
        self.expired: deque[Message] = deque()

    def __len__(self) -> int:
        return self._count + len(self.through) + len(self.expired)

    def __iter__(self) -> Iterator[Message]:
        return chain(self.expired, self.through, self.waiting())

    def waiting(self) -> Iterator[Message]:
        """Yield those that have neither expired nor been let through, in the order in which they are taken."""
        for priority in sorted(self._levels, reverse=True):
            for _, message in self._levels[priority]:
                yield message

    def takeable(self) -> Iterator[tuple[int, Message]]:
        """Yield those that may be taken, in the order in which they are, each with its priority."""
        for message in self.through:
            yield self.priority_of(message), message
        for priority in () if self.is_held else sorted(self._levels, reverse=True):
            for _, message in self._levels[priority]:
                yield priority, message

    @property
    def count(self) -> int:
        """The number of those that ``waiting`` yields."""
        return self._count

    def head(self) -> tuple[int, int] | None:
        """Return the priority and the number of the next message; None where nothing may be taken."""
        if self.through:
            return self.priority_of(self.through[0]), self.through[0].sequence
        if not self._count or self.is_held:
            return None
        priority = self._highest
        return priority, self._levels[priority][0][1].sequence

    @property
    def is_live(self) -> bool:
        """True where a message waits that may be taken."""
        return bool(self.through) or (self._count > 0 and not self.is_held)

    @property
    def _highest(self) -> int:
        return self._present.bit_length() - 1

    @property
    def lowest(self) -> int:
        """The priority of the message that can best be spared; -1 where none can."""
        return (self._present & -self._present).bit_length() - 1

    def priority_of(self, message: Message) -> int:
        """Return the priority of a message."""
        return self._priority if self._read is None else self._read(message.value)

    def append(self, message: Message) -> None:
        """Let a message wait behind those of its priority."""
        deadline = inf
        if self._lives_seconds != inf:
            deadline = trio.current_time() + self._lives_seconds
        self._append(message, deadline)

    def _append(self, message: Message, deadline: float) -> None:
        priority = self._priority if self._read is None else self._read(message.value)
        level = self._levels.get(priority)
        if level is None:
            level = self._levels[priority] = deque()
        level.append((deadline, message))
        self._present |= 1 << priority
        self._count += 1
        if deadline != inf and not self.is_watched:
            self.is_watched = True
            self._on_deadline()

    def extend(self, messages: Iterable[Message]) -> None:
        """Let several messages wait, in this order."""
        for message in messages:
            self.append(message)

    def peek(self) -> Message:
        """Return the next message, which there must be."""
        return self.through[0] if self.through else self._levels[self._highest][0][1]

    def popleft(self) -> Message:
        """Take the next message, which there must be."""
        return self.through.popleft() if self.through else self._pop(self._highest)

    def spare(self) -> Message:
        """Take the message that can best be spared: the oldest of the lowest priority."""
        return self._pop(self.lowest)

    def _pop(self, priority: int) -> Message:
        level = self._levels[priority]
        _, message = level.popleft()
        self._count -= 1
        if not level:
            self._present &= ~(1 << priority)
            del self._levels[priority]
        if not self._count:
            self._is_shuffled = False
        return message

    def let_through(self, count: int) -> Sequence[Message]:
        """Let so many messages through although the edge is held; return them."""
        gone = [self._pop(self._highest) for _ in range(min(count, self._count))]
        self.through.extend(gone)
        return gone

    def rearrange(self, messages: Sequence[Message]) -> None:
        """Let these messages wait in the place of those that ``waiting`` yields, in this order within a priority.

        One that was among them, by its number, keeps its deadline.
        """
        deadlines = {message.sequence: deadline for level in self._levels.values() for deadline, message in level}
        self._levels.clear()
        self._present = self._count = 0
        new = inf if self._lives_seconds == inf else trio.current_time() + self._lives_seconds
        for message in messages:
            self._append(message, deadlines.get(message.sequence, new))
        self._is_shuffled = self._lives_seconds != inf

    def next_deadline(self) -> float | None:
        """Return when the next message expires; None where none waits."""
        if self._is_shuffled:
            return min([deadline for level in self._levels.values() for deadline, _ in level], default=None)
        return min([level[0][0] for level in self._levels.values()], default=None)

    def expire(self, now: float) -> bool:
        """Put aside what has expired; return whether something has."""
        gone: list[Message] = []
        if self._is_shuffled:
            found = [each for level in self._levels.values() for each in level]
            gone = [message for deadline, message in found if deadline <= now]
            if gone:
                self.rearrange([message for deadline, message in found if deadline > now])
        else:
            for priority in [each for each, level in self._levels.items() if level[0][0] <= now]:
                while self._present >> priority & 1 and self._levels[priority][0][0] <= now:
                    gone.append(self._pop(priority))
        gone.sort(key=_number_of)
        self.expired.extend(gone)
        return bool(gone)

    def clear(self) -> None:
        """Forget all of them."""
        self._levels.clear()
        self.through.clear()
        self.expired.clear()
        self._present = self._count = 0


def _number_of(message: Message) -> int:
    return message.sequence
