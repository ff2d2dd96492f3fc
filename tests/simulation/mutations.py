"""The engine broken on purpose, one promise at a time, to see that the simulation notices (README.md).

Each mutation replaces one small piece of the engine for the length of a block, in this process only.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import trio

from engine.contracts.handler import Message
from engine.execution import chained
from engine.execution.chained import ChainedInstances
from engine.execution.chained_cut_off import CallCutOff
from engine.execution.chained_effects import ChainedEffects
from engine.execution.execution import Execution
from engine.execution.gate import Gate
from engine.execution.in_flight import InFlight
from engine.execution.in_hand import InHand
from engine.execution.inbox import Inbox
from engine.execution.injector import Injector
from engine.execution.instance import Instance
from engine.execution.joined_inbox import EdgeQueue
from engine.execution.lifecycle import TRANSITIONS
from engine.execution.shared import ExecutionShared
from proto.execution import ExecutionState


async def _wait_almost_quiescent(self: InFlight) -> None:
    await trio.lowlevel.checkpoint()
    while self._count > 1:
        await self._waiters.park()


async def _drain_backwards(self: Injector) -> None:
    while self._held and self._is_open and not self._has_ended:
        node_index, message = self._held[-1]
        if await self._put(node_index, message, may_refuse=False):
            self._held.remove((node_index, message))


async def _drain_without_release(self: Injector) -> None:
    while self._held and self._is_open and not self._has_ended:
        node_index, message = self._held[0]
        if await self._put(node_index, message, may_refuse=False):
            self._held.popleft()


def _has_room_for_one_more(self: Inbox, size: int) -> bool:
    del size
    return len(self._queue) <= self._room.capacity_messages


_clean_up = Execution._clean_up


async def _clean_up_successes_only(self: Execution) -> None:
    if self._error is None:
        await _clean_up(self)


async def _close_without_waiting(self: Gate) -> None:
    self._open = False


def _admit_the_last_first(self: Inbox) -> None:
    while self._blocked:
        task, (message, _) = next(reversed(self._blocked.items()))
        if not self._has_room(len(message.value)):
            return
        del self._blocked[task]
        self._append(message, len(message.value))
        trio.lowlevel.reschedule(task)


def _drop_in_silence(self: ExecutionShared, node_index: int, inbox: Inbox, message: Message) -> None:
    del node_index
    self.in_flight.finish(len(inbox.put_or_drop(message)))


_finish = Instance._finish


async def _release_too_early(self: Instance, handler: Any, batch: Any, outcomes: Any, size: int = -1) -> None:
    self.in_hand.settle(handler, len(outcomes))
    with patch.object(self.in_hand, "settle", lambda *_, **__: None):
        await _finish(self, handler, batch, outcomes, size)


_settle = InHand.settle


def _hold_in_silence(self: InHand, handler: Any, messages: int, **how: Any) -> None:
    _settle(self, handler, messages, **how)
    self.held = 0


def _cut_off_in_silence(self: InHand, batch: Any) -> None:
    del self, batch


async def _finish_twice(self: Instance, handler: Any, batch: Any, outcomes: Any, size: int = -1) -> None:
    if len(batch) > 1:
        await self.emitter.emit(outcomes[0].emissions, batch[0].lane)
    await _finish(self, handler, batch, outcomes, size)


_send = ExecutionShared.send


async def _send_canonical(self: ExecutionShared, node: Any, emissions: Any, derived_lane: int, size: int) -> None:
    del derived_lane, size
    await _send(self, node, emissions)


def _replacing(owner: type, name: str, broken: Callable[..., Any]) -> Callable[[], Any]:
    return lambda: patch.object(owner, name, broken)


MUTATIONS: dict[str, Callable[[], Any]] = {
    "the in-flight count is off by one": _replacing(InFlight, "wait_quiescent", _wait_almost_quiescent),
    "resume drains what is held backwards": _replacing(Injector, "_drain_held", _drain_backwards),
    "what was held stays charged": _replacing(Injector, "_drain_held", _drain_without_release),
    "an inbox takes one message too many": _replacing(Inbox, "_has_room", _has_room_for_one_more),
    "failed executions are not cleaned up": _replacing(Execution, "_clean_up", _clean_up_successes_only),
    "a completed execution can be paused": lambda: patch.dict(
        TRANSITIONS, {(ExecutionState.COMPLETED, "pause"): ExecutionState.PAUSED}
    ),
    "pause does not wait for handlers": _replacing(Gate, "close", _close_without_waiting),
    "the last blocked sender is served first": _replacing(Inbox, "_admit_blocked", _admit_the_last_first),
    "drops are not reported": _replacing(ExecutionShared, "drop", _drop_in_silence),
    "messages are released before what they caused is counted": _replacing(
        Instance, "_finish", _release_too_early
    ),
    "what handlers hold is forgotten": _replacing(InHand, "settle", _hold_in_silence),
    "what the end cuts off in a handler is forgotten": _replacing(InHand, "give_up", _cut_off_in_silence),
    "emissions leave twice": _replacing(Instance, "_finish", _finish_twice),
    "lanes are forgotten": _replacing(ExecutionShared, "send", _send_canonical),
}


def _note_no_call(self: CallCutOff, result: Any, *_: Any) -> None:
    self._settle(result.begun, 0)


def _keep_own_only(shared: object, members: object, work: Any, owner: int) -> list[Message]:
    del shared, members
    return [message for place, message, _ in work if place == owner]


_conclude_traced = ChainedEffects._conclude_traced


async def _conclude_backwards(self: ChainedEffects, part: Any, result: Any, times: Any) -> Any:
    return list(reversed(await _conclude_traced(self, part, result, times)))


async def _take_any_turn(self: ChainedInstances) -> None:
    self._is_busy = True


_begin_early = ChainedInstances._begin_early


def _begin_early_in_turn(self: ChainedInstances, place: int, message: Message) -> bool:
    """As it should be, but for the turn, which nobody has while the call waits for its task."""
    is_done = _begin_early(self, place, message)
    if self._early is not None:
        self._is_busy = False
    return is_done


def _begin_early_for_all(self: ChainedInstances, place: int, message: Message) -> bool:
    """Say that a message is done with, whatever has become of its call."""
    _begin_early(self, place, message)
    return True


def _begin_early_twice(self: ChainedInstances, place: int, message: Message) -> bool:
    """Let a message go into its inbox that is done with."""
    _begin_early(self, place, message)
    return False


def _may_leave(*_: object) -> bool:
    return True


CHAIN_MUTATIONS: dict[str, Callable[[], Any]] = {
    "what a chain leaves when it ends is forgotten": lambda: patch.object(chained, "hand_over", _keep_own_only),
    "what the end cuts off of a call is forgotten": _replacing(CallCutOff, "note_traced", _note_no_call),
    "what a call leaves pending is taken up backwards": _replacing(
        ChainedEffects, "_conclude_traced", _conclude_backwards
    ),
    "a stage begins a call before the last one's effects have left": _replacing(
        ChainedInstances, "_take_turn", _take_any_turn
    ),
    "an injection's call leaves the turn to others": _replacing(
        ChainedInstances, "_begin_early", _begin_early_in_turn
    ),
    "an injection's call is not gone on with": _replacing(ChainedInstances, "_begin_early", _begin_early_for_all),
    "an injected message that is done with is processed again": _replacing(
        ChainedInstances, "_begin_early", _begin_early_twice
    ),
    "what an injection's call emits does not wait for room": lambda: patch.object(
        chained, "may_leave_at_once", _may_leave
    ),
}
"""Those that only runs of nodes show."""


def _expire_in_silence(self: ExecutionShared, node_index: int, messages: Any, reason: Any = "command") -> None:
    if reason != "expired":
        _note_dropped(self, node_index, messages, reason)
    else:
        self.in_flight.finish(len(messages))


def _letter_in_silence(self: ExecutionShared, node_index: int, messages: Any, reason: Any = "command") -> None:
    if reason != "dead-letter":
        _note_dropped(self, node_index, messages, reason)
    else:
        self.in_flight.finish(len(messages))


_note_dropped = ExecutionShared.note_dropped


POLICY_MUTATIONS: dict[str, Callable[[], Any]] = {
    "an edge takes one message too many": _replacing(EdgeQueue, "_has_room", _has_room_for_one_more),
    "what goes on as a dead letter is not reported": _replacing(
        ExecutionShared, "note_dropped", _letter_in_silence
    ),
    "what expires is not reported": _replacing(ExecutionShared, "note_dropped", _expire_in_silence),
}
"""Those that only edges with policies show."""


@contextmanager
def broken(mutation: str) -> Iterator[None]:
    """The engine with one mutation, for the length of the block."""
    with {**MUTATIONS, **CHAIN_MUTATIONS, **POLICY_MUTATIONS}[mutation]():
        yield
