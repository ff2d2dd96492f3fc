"""The keys of calls to the outside, the same for a call that is made again after a restart.

Which call is the same one? The message that a node is handed again may have another sequence number, and another
place in the order, where several ways lead to the node. So before a call is made, its key is written into the log
with a digest of the message, and after a restart the first message of that digest gets that key, the second one
the next key that was written for it. Messages with one digest are equal: it does not matter which is which.
"""

import hashlib
from collections import deque
from collections.abc import Iterable
from itertools import chain

import msgspec

from engine.checkpoint.checkpoint import Checkpoint
from engine.contracts.call_keys import CallKeys
from engine.contracts.handler import Message
from engine.cooperative.slices import Steps, paced
from engine.durability.acceptance_log import AcceptanceLog
from engine.durability.entries import Called
from engine.errors import NotKeptError

_DIGEST_BYTES = 16
_BETWEEN_YIELDS = 500


class KeptCalls(msgspec.Struct, frozen=True, array_like=True):
    """The keys that are needed after a checkpoint.

    Attributes:
        given: node, sequence number and key of messages that wait in the checkpoint and were begun before.
        known: calls that were made in an earlier process and have not been made again.
    """

    given: tuple[tuple[str, int, str], ...] = ()
    known: tuple[Called, ...] = ()


class OutsideCalls(CallKeys):
    """The keys of one durable execution.

    Args:
        execution_id: the execution.
        log: of what it accepts.
    """

    def __init__(self, execution_id: str, log: AcceptanceLog) -> None:
        super().__init__(execution_id)
        self._log = log
        self._given: dict[tuple[str, int], str] = {}
        self._known: dict[tuple[str, bytes], deque[str]] = {}

    async def key_of(self, node_id: str, message: Message) -> str:
        """Return the key of a call; when this returns it is on disk."""
        place = (node_id, message.sequence)
        key = self._given.get(place)
        if key is not None:
            return key
        digest = hashlib.sha256(message.value).digest()[:_DIGEST_BYTES]
        known = self._known.get((node_id, digest))
        key = known.popleft() if known else self.first_key_of(node_id, message)
        try:
            await self._log.append(Called(node_id, digest, key), lambda: None)
        except NotKeptError:
            if known is not None:
                known.appendleft(key)
            raise
        self._given[place] = key
        return key

    def begin_again(self, kept: KeptCalls, called: Iterable[Called]) -> None:
        """Take over what a checkpoint knows, and the calls that were made after it."""
        self._given = {(node_id, sequence): key for node_id, sequence, key in kept.given}
        taken = set(self._given.values())
        for call in (*kept.known, *called):
            if call.key not in taken:
                taken.add(call.key)
                self._known.setdefault((call.node_id, call.digest), deque()).append(call.key)

    def at_present(self, *, is_quiet: bool) -> "PresentKeys":
        """Return a copy of what there is.

        Args:
            is_quiet: whether nothing is on its way: then whatever was to be made again has been.
        """
        if is_quiet:
            self._known.clear()
        known = [Called(*place, key) for place, keys in self._known.items() for key in keys]
        return PresentKeys(dict(self._given), tuple(known))

    def needed_after(self, checkpoint: Checkpoint, present: "PresentKeys") -> Steps[KeptCalls]:
        """Return what is needed after a checkpoint, and let go of all else.

        Args:
            checkpoint: of a moment.
            present: what there was at that moment.
        """
        nodes = {node_id for node_id, _ in present.given}
        waiting: set[tuple[str, int]] = set()
        for node in checkpoint.nodes if nodes else ():
            if node.id not in nodes:
                continue
            messages = chain(node.waiting, *(taken.messages for taken in node.taken))
            for message, is_due in paced(messages, _BETWEEN_YIELDS):
                waiting.add((node.id, message.sequence))
                if is_due:
                    yield
        for place in present.given.keys() - waiting:
            self._given.pop(place, None)
        needed = [(*place, key) for place, key in present.given.items() if place in waiting]
        return KeptCalls(tuple(needed), present.known)


class PresentKeys(msgspec.Struct, frozen=True):
    """The keys of an execution at one moment.

    Attributes:
        given: by node and sequence number.
        known: as in ``KeptCalls``.
    """

    given: dict[tuple[str, int], str]
    known: tuple[Called, ...]
