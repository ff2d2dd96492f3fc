"""The way of injected messages into an execution: one at a time, in the order of their coming, within bounds.

While the execution is paused they are held, up to a bound; on resume the held ones go in first, and newer
injections wait behind them. A full inbox makes an injection wait for a bounded time, then it is refused. So a
message is either accepted, and then nothing but the end of the execution or a policy of the graph's author can
drop it, or it is refused and its sender knows.
"""

from collections import Counter, deque
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import itemgetter

import msgspec
import trio

from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.handler import Message
from engine.errors import (
    HeldQueueFullError,
    IllegalTransitionError,
    InboxFullError,
    InvalidInjectionError,
    MemoryBoundError,
    OverloadedError,
)
from engine.execution.injection import Located
from engine.execution.shared import ExecutionShared
from engine.memory.lease import MESSAGE_BYTES
from proto.problem import Problem

_node_of = itemgetter(0)
_TOGETHER = 256
"""Messages offered in one go: enough to be cheap, few enough that little is repeated where they do not all fit."""


def charge_of(messages: Sequence[Located]) -> int:
    """Return what messages are charged with while they are held, in bytes."""
    return sum([len(message.value) for _, message in messages]) + MESSAGE_BYTES * len(messages)


class _Offer:
    """Messages of one request, of which some are accepted."""

    __slots__ = ("accepted", "messages")

    def __init__(self, messages: Sequence[Located], accepted: int) -> None:
        self.messages = messages
        self.accepted = accepted


class Injector:
    """The way in for messages. Its callers have checked that the execution takes any at all."""

    def __init__(self, shared: ExecutionShared) -> None:
        self._shared = shared
        self._turn = trio.Lock()  # Trio's lock is fair: first come, first served
        self._held: deque[Located] = deque()  # each is in flight and charged; none is in an inbox as well
        self._is_open = True
        self._is_paused = self._is_held_back = False
        self._requests = 0  # that wait for room, or for their turn
        self._at_rest = trio.lowlevel.ParkingLot()
        self._let_in = trio.lowlevel.ParkingLot()
        self._has_ended = False
        self.taken = 0  # messages of the call of ``inject`` that has just raised, which had been accepted before
        self._offers: list[_Offer] = []
        self._waiting: set[trio.CancelScope] = set()  # around each wait at a full inbox, which ``close`` ends

    def holding(self) -> list[Located]:
        """Return the messages that are held, in order, but for one that an inbox has taken in meanwhile."""
        held = list(self._held)
        if held and self._shared.inboxes[held[0][0]].has_admitted(held[0][1]):
            del held[0]
        return held

    def offered(self) -> list[Located]:
        """Return the messages that have come and are not accepted."""
        found: list[Located] = []
        for offer in self._offers:
            rest = list(offer.messages[offer.accepted :])
            if rest and self._shared.inboxes[rest[0][0]].has_admitted(rest[0][1]):
                del rest[0]
            found += rest
        return found

    @property
    def held(self) -> int:
        """The number of messages that wait for ``open``."""
        return len(self._held)

    @property
    def is_open(self) -> bool:
        """True while messages go on into their inboxes, and are not held."""
        return self._is_open

    def held_by_node(self) -> Counter[int]:
        """Return how many messages are held, by index of the node that they are for."""
        return Counter(map(_node_of, self._held))

    def close(self) -> None:
        """Hold what comes from now on; also what is waiting at a full inbox at this moment."""
        self._is_paused, self._is_open = True, False
        self._release_waiting()

    def open(self) -> None:
        """Let new messages through again, behind those that are held; ``drain`` must follow."""
        self._is_paused, self._is_open = False, not self._is_held_back

    async def hold_back(self) -> None:
        """Hold what comes, as ``close`` does; return when no request is in the midst of being taken in."""
        self._is_held_back, self._is_open = True, False
        self._release_waiting()
        while self._requests or self._turn.locked():
            await self._at_rest.park()

    def let_in(self) -> None:
        """End what ``hold_back`` began; ``drain`` must follow."""
        self._is_held_back, self._is_open = False, not self._is_paused
        self._let_in.unpark_all()

    def change_held(self, of: Callable[[int, Message], Located | None]) -> list[Message]:
        """Put another message in the place of each that is held; return those that have no place any more."""
        changed = [(message, of(index, message)) for index, message in self._held]
        self._held = deque(located for _, located in changed if located is not None)
        return [message for message, located in changed if located is None]

    def end(self) -> None:
        """Refuse every message from now on; also those that are waiting at this moment."""
        self._has_ended = True
        self._release_waiting()
        self._let_in.unpark_all()

    def empty(self) -> None:
        """Drop what is held, at the end of the execution; its account is closed as a whole."""
        self._held.clear()

    def _release_waiting(self) -> None:
        for scope in self._waiting:
            scope.cancel()

    def _holds(self) -> bool:
        return not self._is_open

    @staticmethod
    def cost_of(message: Message) -> int:
        """Return what is charged for a message that is held."""
        return len(message.value) + MESSAGE_BYTES

    def preload(self, messages: Sequence[Located]) -> None:
        """Accept messages without waiting, ahead of all others; ``drain`` must follow. They are charged."""
        self._shared.in_flight.add(len(messages))
        self._held.extend(messages)

    async def drain(self) -> None:
        """Put the held messages into their inboxes, in order, until none is left or the injector closes."""
        try:
            async with self._turn:
                await self._drain_held()
        finally:
            self._at_rest.unpark_all()

    async def _drain_held(self) -> None:
        """Drain as ``drain`` does, for who has the turn. A message leaves the queue only when its inbox has it."""
        while self._held and not self._holds() and not self._has_ended:
            node_index, message = self._held[0]
            try:
                is_in = await self._put(node_index, message, may_refuse=False)
            except MemoryBoundError:
                continue  # it was accepted, so it waits for memory as long as it takes
            if is_in:
                self._held.popleft()
                if self._shared.account is not None:
                    self._shared.account.release(len(message.value) + MESSAGE_BYTES, "held")

    async def wait_room(self, messages: Sequence[Located]) -> None:
        """Return when nothing that was accepted waits for its inbox; while paused, when so many more may be held.

        For who makes messages durable before they are taken in by ``accept``, which refuses none.

        Raises:
            OverloadedError: as ``inject``; none was accepted.
            IllegalTransitionError: the execution ended meanwhile.
        """
        try:
            await self._wait_room(messages)
        except OverloadedError:
            self._shared.counters.backpressure_events += 1
            raise

    async def _wait_room(self, messages: Sequence[Located]) -> None:
        shared = self._shared
        if self._is_blocked() and self._is_open:
            seconds = shared.limits.injection_wait_seconds
            with trio.move_on_after(seconds) as scope:
                async with self._turn:
                    await self._drain_held()
            if scope.cancelled_caught:
                node_index = self._held[0][0] if self._held else messages[0][0]
                raise self._full(node_index, seconds)
        self._refuse_after_end()
        limit = shared.limits.max_held_messages
        if not self._is_open and len(self._held) + len(messages) > limit:
            raise HeldQueueFullError(shared.execution_id, limit)
        for node_index in {index for index, _ in messages} if self._is_open else ():
            inbox = shared.inboxes[node_index]
            if inbox.overflow == "reject" and not inbox.has_room(1, 0):
                raise self._full(node_index, 0.0)

    def accept(self, messages: Sequence[Located]) -> int:
        """Take in messages whatever there is room for; return how many are held. They are charged as held.

        ``drain`` must follow where any are and the injector is open.

        Raises:
            IllegalTransitionError: the execution has ended.
        """
        self._refuse_after_end()
        if len(messages) == 1 and self._is_done_at_once(*messages[0]):
            taken = 1
        else:
            taken = self._take_together(messages, 0)
        if taken and self._shared.account is not None:
            self._shared.account.release(charge_of(messages[:taken]), "held")
        self.preload(messages[taken:])
        return len(messages) - taken

    async def inject(self, messages: Sequence[Located]) -> int:
        """Accept messages for nodes, given by index; return how many of them are held.

        Raises:
            InboxFullError: an inbox stayed full for too long; ``accepted`` says how many were taken before.
            MemoryBoundError: there is no memory for them; likewise.
            HeldQueueFullError: too many are held already; likewise.
            IllegalTransitionError: the execution ended while they were waiting; likewise.
        """
        if len(messages) == 1 and self._is_done_at_once(*messages[0]):
            return 0
        accepted = self._take_together(messages, 0)
        if accepted == len(messages):  # as nearly always
            return 0
        self._shared.in_flight.add(1)  # the request itself: nothing is quiet between two of its messages
        offer = _Offer(messages, accepted)
        self._offers.append(offer)
        try:
            return await self._inject_rest(offer)
        finally:
            self._offers.remove(offer)
            self._shared.in_flight.finish(1)

    def _is_done_at_once(self, node_index: int, message: Message) -> bool:
        """Let a message begin now whose node waits for one; where it is not done with, it has to go in as ever."""
        begin = self._shared.early_starts.get(node_index)
        if begin is None or self._is_blocked():
            return False
        inbox = self._shared.inboxes[node_index]
        return inbox.is_awaited and inbox.has_room(1, len(message.value)) and begin(message)

    async def _inject_rest(self, offer: "_Offer") -> int:
        """Accept the rest of some messages, waiting for room; return and raise as ``inject`` does."""
        self._requests += 1
        try:
            return await self._inject_each(offer)
        finally:
            self._requests -= 1
            self._at_rest.unpark_all()

    async def _inject_each(self, offer: "_Offer") -> int:
        held = 0
        messages, accepted = offer.messages, offer.accepted
        deadline = trio.current_time() + self._shared.limits.injection_wait_seconds
        graph = self._shared.graph
        while accepted < len(messages):
            if self._is_held_back and not self._is_paused and self._is_full_of_held():
                await self._wait_let_in(deadline)
                if self._shared.graph is not graph:
                    messages = offer.messages = _relocated(messages, graph, self._shared.graph, accepted)
                    graph = self._shared.graph
            node_index, message = messages[accepted]
            self._shared.in_flight.add(1)
            try:
                held += await self._accept(node_index, message, deadline)
            except BaseException as error:
                self.taken = accepted
                self._shared.in_flight.finish(1)
                if isinstance(error, OverloadedError):
                    self._shared.counters.backpressure_events += 1
                if isinstance(error, OverloadedError | IllegalTransitionError):
                    error.accepted = accepted
                raise
            accepted = offer.accepted = self._take_together(messages, accepted + 1)
        return held

    def _is_full_of_held(self) -> bool:
        return len(self._held) >= self._shared.limits.max_held_messages

    async def _wait_let_in(self, deadline: float) -> None:
        """Wait until a change of the graph is over, which may give nodes other indices meanwhile."""
        self._requests -= 1
        self._at_rest.unpark_all()
        try:
            with trio.move_on_at(deadline):
                while self._is_held_back and not self._has_ended:
                    await self._let_in.park()
        finally:
            self._requests += 1

    def _take_together(self, messages: Sequence[Located], start: int) -> int:
        """Take in what there is room for at once, from ``start``; return the index of the first that was not.

        A way for many messages: one by one, the asking costs more than the taking. It must take the same ones as
        ``_accept`` would without waiting, held by test_taking_together_is_taking_each.
        """
        while start < len(messages) and not self._is_blocked():
            together = messages[start : start + _TOGETHER]
            fitting = self._take_runs(together)
            self._shared.in_flight.add(fitting)
            start += fitting
            if fitting < len(together):
                break
        return start

    def _is_blocked(self) -> bool:
        """Return whether a message must not go in at once: it is to be held or refused, or others come first."""
        return not self._is_open or bool(self._held) or self._has_ended or self._turn.locked()

    def _take_runs(self, messages: Sequence[Located]) -> int:
        if len(messages) > 1 and messages[0][0] != messages[1][0] and self._take_by_node(messages):
            return len(messages)
        taken = 0
        for node_index, run in groupby(messages, _node_of):
            offered = [message for _, message in run]
            fitting = self._shared.inboxes[node_index].put_many_nowait(offered)
            taken += fitting
            if fitting < len(offered):
                break
        return taken

    def _take_by_node(self, messages: Sequence[Located]) -> bool:
        """Take in messages for several nodes in turn, if there is room for all; return whether there was."""
        by_node: dict[int, list[Message]] = {}
        for node_index, message in messages:
            by_node.setdefault(node_index, []).append(message)
        inboxes = self._shared.inboxes
        sizes = {index: sum([len(each.value) for each in group]) for index, group in by_node.items()}
        if not all(inboxes[index].has_room(len(group), sizes[index]) for index, group in by_node.items()):
            return False
        for index, group in by_node.items():
            inboxes[index].put_many_nowait(group, sizes[index])
        return True

    async def _accept(self, node_index: int, message: Message, deadline: float) -> bool:
        """Take one message in, waiting for its inbox; return whether it is held."""
        self._refuse_after_end()
        if not self._turn.locked():  # nobody is before us
            if self._holds():
                return self._hold(node_index, message)
            if not self._held and self._shared.inboxes[node_index].put_nowait(message):
                return False
        with trio.CancelScope(deadline=deadline) as scope:
            async with self._turn:
                # Right after resume we may be here before the task that drains: held messages go first.
                await self._drain_held()
                self._refuse_after_end()
                while not self._holds():  # again where a pause was over before we noticed it
                    if await self._put(node_index, message, may_refuse=True):
                        return False
                    self._refuse_after_end()
        if scope.cancelled_caught:
            raise self._full(node_index, self._shared.limits.injection_wait_seconds)
        return self._hold(node_index, message)

    def _refuse_after_end(self) -> None:
        if self._has_ended:
            raise IllegalTransitionError(self._shared.execution_id, "inject into", "ending")

    async def _put(self, node_index: int, message: Message, *, may_refuse: bool) -> bool:
        """Put a message into its inbox, by its policy; return False when the injector closed while it waited.

        One that may not be refused is charged as held, until it is in.
        """
        inbox = self._shared.inboxes[node_index]
        if inbox.put_nowait(message):
            return True
        if inbox.overflow == "reject" and may_refuse:
            raise self._full(node_index, 0.0)
        self._shared.counters.backpressure_events += 1
        if inbox.overflow in ("drop-oldest", "drop-newest"):
            self._shared.drop(node_index, inbox, message)
            return True
        with trio.CancelScope() as scope:
            self._waiting.add(scope)
            try:
                await inbox.put(message, is_paid=not may_refuse)
            finally:
                self._waiting.discard(scope)
        return not scope.cancelled_caught

    def _hold(self, node_index: int, message: Message) -> bool:
        limit = self._shared.limits.max_held_messages
        if len(self._held) >= limit:
            raise HeldQueueFullError(self._shared.execution_id, limit, is_paused=self._is_paused)
        if self._shared.account is not None:
            self._shared.account.charge(len(message.value) + MESSAGE_BYTES, "held")
        self._held.append((node_index, message))
        return True

    def _full(self, node_index: int, waited_seconds: float) -> InboxFullError:
        return InboxFullError(self._shared.graph.nodes[node_index].id, waited_seconds)


def _relocated(
    messages: Sequence[Located], old: LoadedGraph, new: LoadedGraph, accepted: int
) -> Sequence[Located]:
    """Return messages as they are meant for another version of their graph; the first ones have been accepted.

    Raises:
        InvalidInjectionError: it has no such node or port.
    """
    relocated = list(messages[:accepted])
    for index, message in messages[accepted:]:
        former = old.nodes[index]
        node, name = new.node(former.id), former.inputs[message.port]
        port = None if node is None else node.input_of.get(name)
        if node is None or port is None:
            raise _gone(former.id, name, accepted)
        moved = message if port == message.port else msgspec.structs.replace(message, port=port)
        relocated.append((node.index, moved))
    return relocated


def _gone(node_id: str, port: str, accepted: int) -> InvalidInjectionError:
    text = f"Node {node_id} has no input port {port} any more"
    refusal = InvalidInjectionError([Problem("injection.unknown_port", "messages", text)])
    refusal.accepted = accepted
    return refusal
