"""An execution at one moment, as the command line shows it."""

from collections.abc import Iterator, Sequence

import msgspec

from proto.moment import MomentReply, MomentValue

SHOWN_CHARACTERS = 120
"""Characters of a value in a line for people."""


def lines_of(moment: MomentReply) -> Iterator[str]:
    """Yield the lines of a moment: what stands still is left out."""
    yield f"at {moment.sequence}: {moment.state}, {moment.injected:,} injected, {moment.outputs:,} left the graph"
    for node in moment.nodes:
        told = [f"{node.invocations:,} invocations", f"{node.emitted:,} emitted"]
        told += [f"{node.errors:,} errors"] if node.errors else []
        told += [f"{node.waiting:,} waiting"] if node.waiting else []
        told += [f"{node.held:,} held"] if node.held else []
        yield f"node {node.node_id}: {', '.join(told)}"
        yield from (f"  state {key}: {_short(bytes(value))}" for key, value in (node.state or {}).items())
        yield from _waiting(node.injected)
    for edge in moment.edges:
        yield f"edge {edge.source} > {edge.target}: {edge.sent:,} sent, {edge.waiting:,} waiting"
        if edge.last is not None:
            yield f"  last {edge.last.sequence}: {_shown(edge.last)}"
        yield from _waiting(edge.messages)
    yield from moment.notes


def _waiting(values: Sequence[MomentValue]) -> Iterator[str]:
    yield from (f"  waiting {value.sequence}: {_shown(value)}" for value in values)


def _shown(value: MomentValue) -> str:
    if isinstance(value.value, msgspec.UnsetType):
        return f"({value.size_bytes:,} bytes)"
    return _short(bytes(value.value))


def _short(value: bytes) -> str:
    text = value.decode("utf-8", "replace")
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"
