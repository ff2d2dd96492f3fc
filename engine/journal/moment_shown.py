"""A moment of an execution as people read it: bounded in messages and in bytes. Pure."""

from collections.abc import Iterable

import msgspec

from engine.contracts.handler import NO_EDGE
from engine.contracts.lanes import NAMES
from engine.journal.head import Head
from engine.journal.moment import SHOWN_BYTES, Moment, Waiting
from proto.moment import MomentEdge, MomentNode, MomentReply, MomentValue

MESSAGES = 10
MOST_MESSAGES = 1_000
"""Messages of each queue that are shown, when nothing else is said and at most."""

REPLY_BYTES = 4 * 1024 * 1024
"""Bytes of all values that are shown; of the others their sizes are."""

_STATE_ENTRY_BYTES = 32


class _Budget:
    """The bytes that may still be shown."""

    def __init__(self) -> None:
        self._left = REPLY_BYTES

    def takes(self, size_bytes: int) -> bool:
        """Take so many, where there are."""
        if size_bytes > self._left:
            return False
        self._left -= size_bytes
        return True


def shown(moment: Moment, recording_id: str, messages: int = MESSAGES, *, is_run: bool) -> MomentReply:
    """Return a moment as it is shown.

    Args:
        moment: it.
        recording_id: of its recording.
        messages: of each queue that are shown.
        is_run: whether it was reached by a run.
    """
    budget = _Budget()
    head = moment.head
    nodes = []
    for index, node in enumerate(head.nodes):
        known = moment.nodes[index]
        queue = moment.queues.get((index, NO_EDGE), {})
        nodes.append(
            MomentNode(
                node_id=node.id,
                component=node.component,
                invocations=known.invocations,
                emitted=known.emitted,
                errors=known.errors,
                waiting=len(queue),
                injected=_values(queue.values(), messages, budget),
                held=known.held,
                state=None if known.state is None else _state(known.state, budget),
            )
        )
    names = _edge_names(head)
    edges = []
    for index, edge in enumerate(head.edges):
        (source, out), (target, into) = edge.source, edge.target
        queue = moment.queues.get((target, index), {})
        last = moment.last.get(index)
        edges.append(
            MomentEdge(
                edge=names[index],
                index=index,
                source=f"{head.nodes[source].id}:{head.nodes[source].outputs[out]}",
                target=f"{head.nodes[target].id}:{head.nodes[target].inputs[into]}",
                sent=moment.sent[index],
                waiting=len(queue),
                messages=_values(queue.values(), messages, budget),
                last=None if last is None else _value(last, budget),
            )
        )
        nodes[target] = msgspec.structs.replace(nodes[target], waiting=nodes[target].waiting + len(queue))
    return MomentReply(
        recording_id=recording_id,
        execution_id=head.execution_id,
        graph_id=head.graph_id,
        sequence=moment.number,
        time_ms=head.began_ms + round(moment.seconds * 1000, 3),
        state=moment.state,
        basis="run" if is_run else "records",
        since=moment.since,
        injected=moment.injected,
        outputs=moment.outputs,
        notes=moment.notes,
        nodes=nodes,
        edges=edges,
    )


def _values(values: Iterable[Waiting], most: int, budget: _Budget) -> list[MomentValue]:
    found: list[MomentValue] = []
    for value in values:
        if len(found) == most:
            break
        found.append(_value(value, budget))
    return found


def _value(value: Waiting, budget: _Budget) -> MomentValue:
    text: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    if value.value is not None and budget.takes(value.size_bytes):
        text = msgspec.Raw(value.value)
    return MomentValue(value.number, value.size_bytes, text, NAMES[value.lane])


def _state(state: dict[str, bytes], budget: _Budget) -> dict[str, msgspec.Raw]:
    found: dict[str, msgspec.Raw] = {}
    for key, value in state.items():
        if not budget.takes(len(key) + _STATE_ENTRY_BYTES):
            break
        is_shown = len(value) <= SHOWN_BYTES and budget.takes(len(value))
        found[key] = msgspec.Raw(value if is_shown else b"null")
    return found


def _edge_names(head: Head) -> list[str]:
    known: set[str] = set()
    names = []
    for index, edge in enumerate(head.edges):
        is_own = bool(edge.id) and edge.id not in known
        names.append(edge.id if is_own else str(index))
        known.add(edge.id)
    return names
