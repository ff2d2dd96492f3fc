"""The start of a message to a chain that is at rest, in the task that injects it.

Between an injection and the task of its node lie two switches between tasks, a sixth of what one message alone
takes through three nodes. So its first time slice is taken at once, without an await: nothing can be cancelled in
it. A message that has ended by then, and has only emitted, is done with when the injection returns. Everything
else is for the task of its node, where the message waits in the inbox as ever, and the call with it: the task
takes the message and goes on with the call in the place of a new one. What ends the task before, ends the call.
"""

from collections.abc import Sequence

import trio

from engine.contracts.chain import Call, Chain, ChainResult
from engine.contracts.handler import Message
from engine.execution.chain_member import Member
from engine.execution.shared import ExecutionShared

_LIGHT_BYTES = 16 * 1024
"""Bytes of a message, and of what a call has made of it, that are nowhere charged while it is under way."""


class EarlyCall:
    """A call of a chain that has begun, for one message that its node's task has not taken yet.

    Attributes:
        place: of the member whose message it is.
        message: it.
        call: the chain's.
        started: when it began, on Trio's clock.
        is_running: whether it has not ended; then it counts as running at the gate.
    """

    __slots__ = ("call", "is_running", "message", "place", "started")

    def __init__(self, place: int, message: Message, call: Call, started: float) -> None:
        self.place = place
        self.message = message
        self.call = call
        self.started = started
        self.is_running = call.result is None


def begin_early(chain: Chain, shared: ExecutionShared, place: int, message: Message) -> EarlyCall | None:
    """Begin a call for a message, unless this is not the time: a trace, a pause, a large value, a long pass."""
    if (
        len(message.value) > _LIGHT_BYTES
        or shared.flow_observers
        or shared.call_observers
        or not shared.gate.pass_at_once()
    ):
        return None
    begun = None
    try:
        if not shared.pace.is_over():
            started = trio.current_time()
            item = (place, message.port, message.value)
            call = chain.begin(item, lane=message.lane, hears_outputs=shared.outputs.is_heard)
            if call is not None:
                begun = EarlyCall(place, message, call, started)
    finally:
        if begun is None or not begun.is_running:
            shared.gate.leave()
    return begun


def may_leave_at_once(members: Sequence[Member], shared: ExecutionShared, result: ChainResult) -> bool:
    """Return whether all that a call has emitted may leave now, all of it: there is room, and at most one hop."""
    if result.pending or result.has_written or result.size_bytes > _LIGHT_BYTES:
        return False
    is_routed = False
    for step in result.steps:
        node = members[step.program].emitter.node  # with those of its edges only that leave the chain
        for port, value in step.emissions:
            if len(value) > shared.limits.value_bytes:
                return False
            if node.routes[port]:
                if is_routed or not shared.has_room(node, port, len(value)):
                    return False
                is_routed = True
    return True
