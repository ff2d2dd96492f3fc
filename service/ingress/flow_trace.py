"""The flow of an execution while a caller waits: its hops, its outputs, and the way in between."""

import msgspec
import trio

from engine.contracts.handler import Message
from engine.contracts.lanes import NAMES
from engine.contracts.observer import FlowObserver
from engine.memory.ledger import Account
from proto.message import Lane
from service.ingress.output_list import OutputList

TRACE_ENTRIES = 1_000
"""Steps that are kept; further ones are only counted, so that a long wait cannot fill the memory."""

SUMMARY_CHARACTERS = 120
"""Characters of a value that a step shows."""

OUTPUT_PORTS = 10_000
"""Ports whose last value is kept: as many as a graph of the largest size could have, and one reply can bear."""


OUTPUT_BYTES = 12 * 1024 * 1024
"""All values that one reply shows: as much as a request may hold. One value fans out to as many ports as a graph
has."""

_STEP_BYTES = 600
"""Bytes of a step: 560 were measured."""

_STEPS_AT_ONCE = 50
"""Steps that are charged together."""


class TracedOutput(msgspec.Struct, frozen=True, rename="camel"):
    """The last value that left the graph on one port.

    Attributes:
        value: its JSON text; null where it is left out.
        lane: its lane (docs/lanes.md).
        omitted_bytes: the size that it had, where it is left out because the reply shows too much already.
    """

    value: msgspec.Raw
    lane: Lane = "canonical"
    omitted_bytes: int | msgspec.UnsetType = msgspec.UNSET


class TracedStep(msgspec.Struct, frozen=True):
    """One value on its way.

    Attributes:
        node: the node that emitted it.
        port: the port that it was emitted on.
        lane: the value's lane.
        ms: milliseconds since the injection.
        summary: the beginning of its JSON text.
    """

    node: str
    port: str
    lane: Lane
    ms: float
    summary: str


class FlowTrace(FlowObserver):
    """The notes of one execution's flow from its making on. What it keeps is charged until ``close``.

    Args:
        account: of whoever owns the execution.
        listed: takes all outputs in their order.
        count: outputs that the execution has had before.

    Attributes:
        listed: as given.
        hops: values that travelled along edges.
        steps: the first values emitted, at most ``TRACE_ENTRIES``.
        outputs: the last value of each port that no edge leaves, by ``node:port``.
    """

    def __init__(self, account: Account, listed: OutputList, count: int) -> None:
        self._account = account
        self._count = count
        self.listed = listed
        self._output_bytes = 0
        self._charged_steps = 0
        self._began = trio.current_time()
        self.hops = 0
        self.steps: list[TracedStep] = []
        self.outputs: dict[str, TracedOutput] = {}

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        """Hear that a value began its way along one edge."""
        del target_node, target_port
        self.hops += 1
        self._note(node_id, port, message.value, NAMES[message.lane])

    def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        """Hear that a value left the graph."""
        self._count += 1
        self.listed.add(self._count, node_id, port, value, NAMES[lane])
        place = f"{node_id}:{port}"
        if place in self.outputs or len(self.outputs) < OUTPUT_PORTS:
            self.outputs[place] = self._output(place, value, NAMES[lane])
        self._note(node_id, port, value, NAMES[lane])

    def errored(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        """Hear of an error that no edge takes up: for whoever waits it is what came out of the node."""
        self.emitted_in_lane(node_id, port, value, lane)

    def _output(self, place: str, value: bytes, lane: Lane) -> TracedOutput:
        """Return a value in the place of the port's former one, as far as a reply may show it."""
        former = self.outputs.get(place)
        more = len(value) - (
            0 if former is None or former.omitted_bytes is not msgspec.UNSET else len(former.value)
        )
        is_shown = self._output_bytes + more <= OUTPUT_BYTES
        if is_shown and more > 0:
            is_shown = self._account.try_charge(more, "replies")
        elif is_shown:
            self._account.release(-more, "replies")
        if is_shown:
            self._output_bytes += more
            return TracedOutput(msgspec.Raw(value), lane)
        kept = len(value) - more
        self._output_bytes -= kept
        self._account.release(kept, "replies")
        return TracedOutput(_NULL, lane, len(value))

    def close(self) -> None:
        """Release all that it is charged: what it keeps is somebody else's from now on, or nobody's."""
        self._account.close()

    def _note(self, node_id: str, port: str, value: bytes, lane: Lane) -> None:
        if len(self.steps) < TRACE_ENTRIES and self._is_step_charged():
            ms = round((trio.current_time() - self._began) * 1000, 3)
            self.steps.append(TracedStep(node_id, port, lane, ms, summary_of(value)))

    def _is_step_charged(self) -> bool:
        if len(self.steps) < self._charged_steps:
            return True
        if not self._account.try_charge(_STEPS_AT_ONCE * _STEP_BYTES, "replies"):
            return False
        self._charged_steps += _STEPS_AT_ONCE
        return True


_NULL = msgspec.Raw(b"null")


def summary_of(value: bytes) -> str:
    """Return the beginning of a JSON text, at most ``SUMMARY_CHARACTERS`` and an ellipsis."""
    # A character has at most four bytes, so this many hold enough of them, and a cut one is left away.
    text = value[: 4 * SUMMARY_CHARACTERS].decode(errors="ignore")
    is_whole = len(value) <= 4 * SUMMARY_CHARACTERS and len(text) <= SUMMARY_CHARACTERS
    return text if is_whole else f"{text[:SUMMARY_CHARACTERS]}…"
