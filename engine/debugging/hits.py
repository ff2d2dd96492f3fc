"""Hits of breakpoints, as they are shown: to who asks for the breakpoint, and to who watches live."""

from collections import Counter
from collections.abc import Sequence
from typing import cast

import msgspec

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.handler import NO_EDGE, HandlerError, LogLine, Message
from engine.contracts.lanes import NAMES
from engine.debugging.breakpoint import VERBS, Breakpoint, Phase
from engine.debugging.shown import shown_changes, shown_error, shown_json, shown_line, shown_state
from engine.execution.edge_control import edge_name
from engine.execution.instance import Instance
from engine.execution.shared import ExecutionShared
from engine.wall_clock import epoch_ms
from proto.breakpoint import BreakpointHit, BreakpointOn, NodePicture


class Sight(msgspec.Struct, frozen=True):
    """A thing that a breakpoint has seen.

    Attributes:
        node: where.
        on: what it is.
        message: that was about to be handled, or of which it came; None where it was made of none.
        value: what is shown of it.
        port: by which it came or leaves; that of the message where it is empty.
        lane: of what leaves; that of the message otherwise.
        error: of an invocation, without secrets.
        line: that was logged.
        changes: keys of the state that were written, what they held and what they hold.
        emitted: values that wait to leave.
    """

    node: CompiledNode
    on: str
    message: Message | None
    value: bytes
    port: str = ""
    lane: int = 0
    error: HandlerError | None = None
    line: LogLine | None = None
    changes: Sequence[tuple[str, bytes | None, bytes | None]] = ()
    emitted: int = 0


def hit_of(
    graph: LoadedGraph, shared: ExecutionShared, breakpoint_: Breakpoint, sight: Sight, instance: Instance
) -> BreakpointHit:
    """Return what is shown of a sight."""
    node, message, mask = sight.node, sight.message, shared.mask
    value, is_cut = shown_json(sight.value, mask)
    edge, port, lane, sequence = None, sight.port, sight.lane, 0
    if message is not None:
        port = node.inputs[message.port] if node.inputs else ""
        lane, sequence = message.lane, message.sequence
        edge = None if message.edge == NO_EDGE else edge_name(graph.edges, message.edge)
    return BreakpointHit(
        number=breakpoint_.hits,
        on=cast("BreakpointOn", sight.on),
        node=node.id,
        port=port,
        edge=edge,
        sequence=sequence,
        lane=NAMES[lane],
        value=value,
        size_bytes=len(sight.value),
        timestamp=epoch_ms(),
        truncated=is_cut,
        error=None if sight.error is None else shown_error(sight.error),
        line=None if sight.line is None else shown_line(sight.line, mask),
        changes=shown_changes(sight.changes, mask),
        emitted=sight.emitted,
        picture=_picture(graph, shared, node, instance) if breakpoint_.wanted.action == "snapshot" else None,
    )


def _picture(graph: LoadedGraph, shared: ExecutionShared, node: CompiledNode, instance: Instance) -> NodePicture:
    waiting = Counter(message.edge for message in shared.inboxes[node.index].waiting())
    handlers = instance.handlers
    return NodePicture(
        shown_state(handlers[0].innermost().state(), shared.mask) if handlers else {},
        {"" if edge == NO_EDGE else edge_name(graph.edges, edge): number for edge, number in waiting.items()},
    )


def verbs_of(phase: Phase, node: CompiledNode, graph: LoadedGraph, *, may_retry: bool) -> tuple[str, ...]:
    """Return the verbs that something takes which is held at a node.

    What opens or gathers groups must see each of its messages: nothing goes past it.
    """
    plan = graph.groups
    opens = plan is not None and node.index in plan.gathers
    gathers = plan is not None and any(node.index in nodes for nodes in plan.gathers.values())
    refused = {"skip"} if opens or gathers or len(node.outputs) < 2 else set()
    if opens and phase == "behind":
        refused.add("drop")
    if not may_retry:
        refused |= {"retry"}
    return tuple(verb for verb in VERBS[phase] if verb not in refused)
