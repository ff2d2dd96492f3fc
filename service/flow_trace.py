"""What an execution does while a caller waits: its hops, its outputs, and the way in between."""

import msgspec
import trio

from engine.handler import Message
from engine.lanes import NAMES
from engine.observer import FlowObserver
from proto.message import Lane

TRACE_ENTRIES = 1_000
"""Steps that are kept; further ones are only counted, so that a long wait cannot fill the memory."""

SUMMARY_CHARACTERS = 120
"""How much of a value a step shows."""

OUTPUT_PORTS = 10_000
"""Ports whose last value is kept: as many as a graph of the largest size could have, and one reply can bear."""


class Output(msgspec.Struct, frozen=True):
    """The last value that left the graph on one port, and its lane (docs/lanes.md)."""

    value: msgspec.Raw
    lane: Lane = "canonical"


class Step(msgspec.Struct, frozen=True):
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
    """Takes note of one execution's flow from its making on.

    Attributes:
        hops: values that travelled along edges.
        steps: the first values emitted, at most ``TRACE_ENTRIES``.
        outputs: the last value of each port that no edge leaves, by ``node:port``.
    """

    def __init__(self) -> None:
        self._began = trio.current_time()
        self.hops = 0
        self.steps: list[Step] = []
        self.outputs: dict[str, Output] = {}

    def sent(self, node_id: str, port: str, target_node: str, target_port: str, message: Message) -> None:
        """A value began its way along one edge."""
        del target_node, target_port
        self.hops += 1
        self._note(node_id, port, message.value, NAMES[message.lane])

    def emitted_in_lane(self, node_id: str, port: str, value: bytes, lane: int) -> None:
        """A value left the graph."""
        place = f"{node_id}:{port}"
        if place in self.outputs or len(self.outputs) < OUTPUT_PORTS:
            self.outputs[place] = Output(msgspec.Raw(value), NAMES[lane])
        self._note(node_id, port, value, NAMES[lane])

    def _note(self, node_id: str, port: str, value: bytes, lane: Lane) -> None:
        if len(self.steps) < TRACE_ENTRIES:
            ms = round((trio.current_time() - self._began) * 1000, 3)
            self.steps.append(Step(node_id, port, lane, ms, summary_of(value)))


def summary_of(value: bytes) -> str:
    """The beginning of a JSON text, at most ``SUMMARY_CHARACTERS`` and an ellipsis."""
    # A character has at most four bytes, so this many hold enough of them, and a cut one is left away.
    text = value[: 4 * SUMMARY_CHARACTERS].decode(errors="ignore")
    is_whole = len(value) <= 4 * SUMMARY_CHARACTERS and len(text) <= SUMMARY_CHARACTERS
    return text if is_whole else f"{text[:SUMMARY_CHARACTERS]}…"
