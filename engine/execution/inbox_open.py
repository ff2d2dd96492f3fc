"""An inbox whose messages somebody takes in hand: they are taken out, put in, and put in another order.

Only where a person holds an edge or changes what waits on it (``engine.execution.controlled_inbox``); all others
are ordinary ones.
"""

from collections.abc import Callable, Sequence

import trio

from engine.contracts.handler import Message
from engine.execution.inbox import Inbox


class OpenInbox(Inbox):
    """An inbox that is open to a person's hands."""

    def takes(self, messages: int, size: int) -> bool:
        """Return whether so many messages, of so many bytes together, may be put in now, by whoever does."""
        if self._blocked:
            return False
        return self._has_room(size) if messages == 1 else super().has_room(messages, size)

    def may_grow(self, size: int) -> bool:
        """Return whether what waits may become larger by so many bytes, where there is memory for it.

        Raises:
            MemoryBoundError: there is none.
        """
        return self._room.grow(len(self._queue), self._bytes + size)

    def withdraw_all(self) -> list[Message]:
        """Take out everything, as ``withdraw`` does; it has to be closed then."""
        taken = [*self._queue, *[message for message, _ in self._blocked.values()]]
        self._admitted.update([message.sequence for message, _ in self._blocked.values()])
        for task in self._blocked:
            trio.lowlevel.reschedule(task)
        self._blocked.clear()
        self._queue.clear()
        self._bytes = 0
        return taken

    def withdraw(self, is_wanted: Callable[[Message], bool]) -> list[Message]:
        """Take out messages; those of senders that wait for room come last, and their senders go on."""
        taken = [message for message in self._queue if is_wanted(message)]
        if taken:
            self._refill([message for message in self._queue if not is_wanted(message)])
        for task, (message, _) in list(self._blocked.items()):
            if is_wanted(message):
                del self._blocked[task]
                taken.append(message)
                self._admitted.add(message.sequence)
                trio.lowlevel.reschedule(task)
        self._admit_blocked()
        self._room.shrink(len(self._queue), self._bytes + self._room.in_hand_bytes)
        return taken

    def rearrange(self, messages: Sequence[Message], is_wanted: Callable[[Message], bool]) -> None:
        """Let these messages wait in the place of the wanted ones.

        The others stay where they are, as far as there are places: those without one come behind the last of
        them. They are on no bound; whoever adds to them has asked for room.
        """
        following = iter(messages)
        waiting: list[Message] = []
        left = sum(map(is_wanted, self._queue))
        for message in self._queue:
            if not is_wanted(message):
                waiting.append(message)
                continue
            left -= 1
            if left:
                waiting += [each for each in [next(following, None)] if each is not None]
            else:
                waiting += following
        waiting += following  # where there was none
        self._refill(waiting)
        self._room.cover(len(self._queue), self._bytes)
        self._admit_blocked()
        self._room.shrink(len(self._queue), self._bytes + self._room.in_hand_bytes)
        if self._queue and self._idle:
            self._wake_receivers()

    def _refill(self, messages: Sequence[Message]) -> None:
        self._queue.clear()
        self._queue.extend(messages)
        self._bytes = sum([len(message.value) for message in messages])
        self._peak = max(self._peak, len(self._queue))
