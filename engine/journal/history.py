"""The records of an execution as people read them: named, filtered, page by page."""

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

import msgspec
import trio

from engine.contracts.lanes import NAMES
from engine.cooperative.slices import Breaks
from engine.journal.head import Head, decode_head
from engine.journal.records import (
    KINDS,
    Answered,
    Checkpointed,
    Commanded,
    Dropped,
    Emitted,
    Failed,
    Fired,
    Injected,
    Invoked,
    Logged,
    Lost,
    Made,
    Reader,
    Record,
    Refused,
    Revised,
    Written,
)
from proto.codec import encode
from proto.recording import HistoryRecord

PAGE_RECORDS = 100
MOST_PAGE_RECORDS = 1_000
"""Records of a page, when nothing else is said and at most."""

PAGE_BYTES = 4 * 1024 * 1024
"""Bytes of a page, its values, texts and lists together; it ends there."""

SHOWN_CHARACTERS = 16_384
"""Characters of a text that is shown."""

RECORDS_BETWEEN_LOOKS = 64
"""Records between two looks at whether others have waited long enough."""


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """The records that are wanted.

    Attributes:
        node: the id of a node, or the path of a graph inside, whose nodes are wanted then; all of them when empty.
        edge: the id or the index of an edge; all when empty.
        kinds: kinds; all when empty.
        first: the number of the first one.
        last: that of the last one.
        limit: how many at most.
        value_bytes: of a value that is shown; larger ones are left out.
    """

    node: str = ""
    edge: str = ""
    kinds: frozenset[str] = frozenset()
    first: int = 0
    last: int = 2**62
    limit: int = PAGE_RECORDS
    value_bytes: int = 64 * 1024


class Page(msgspec.Struct, frozen=True):
    """A page of records; ``following`` is the number from which on the next page begins, 0 after the last one."""

    records: list[HistoryRecord]
    following: int


async def read_page(
    head: Head, chunks: AsyncGenerator[bytes], wanted: Filter, *, is_foreign: bool = False
) -> Page:
    """Read the records that are wanted.

    Args:
        head: of the recording.
        chunks: of it, from the beginning of a segment on.
        wanted: which ones.
        is_foreign: whether anybody may have written it.

    Raises:
        RecordingError: it is damaged.
    """
    names = Names(head)
    sieve = _Sieve(head, wanted)
    reader = Reader(head.shape, is_foreign=is_foreign)
    page: list[HistoryRecord] = []
    size = 0
    breaks, looked_at = Breaks(), 0
    async with aclosing(chunks):
        async for body in chunks:
            for record in reader.read(body):
                looked_at += 1
                if not looked_at % RECORDS_BETWEEN_LOOKS:
                    await breaks.offer()
                if record.number > wanted.last:
                    return Page(page, 0)
                if isinstance(record, Revised):
                    revision = decode_head(record.head)
                    names, sieve = Names(revision, head.began_ms), _Sieve(revision, wanted)
                    if record.is_again:
                        continue
                if record.number < wanted.first or not sieve.lets_through(record):
                    continue
                if len(page) == wanted.limit or size > PAGE_BYTES:
                    return Page(page, record.number)
                told = names.told(record, wanted.value_bytes)
                size += weight_of(told)
                page.append(told)
            await trio.lowlevel.checkpoint()
    return Page(page, 0)


def weight_of(told: HistoryRecord) -> int:
    """Return about how many bytes a record has in a reply."""
    value = 0 if isinstance(told.value, msgspec.UnsetType) else len(bytes(told.value))
    error = 0 if told.error is None else sum([len(str(text)) for text in told.error.values()])
    return 200 + value + error + len(told.message) + len(told.key) + len(told.level) + 12 * len(told.made_of)


def _named(name: str, message: str) -> dict[str, str]:
    return {"name": _shown(name), "message": _shown(message)}


def _shown(text: str) -> str:
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[:SHOWN_CHARACTERS]}…"


class _Sieve:
    """A sieve that lets the wanted records through."""

    def __init__(self, head: Head, wanted: Filter) -> None:
        self._kinds = wanted.kinds
        self._nodes: frozenset[int] | None = None
        self._edges: frozenset[int] | None = None
        if wanted.node:
            under = f"{wanted.node}/"
            self._nodes = frozenset(
                [
                    index
                    for index, node in enumerate(head.nodes)
                    if node.id == wanted.node or node.id.startswith(under)
                ]
            )
        if wanted.edge:
            named = [index for index, edge in enumerate(head.edges) if edge.id == wanted.edge]
            self._edges = frozenset(named or [int(wanted.edge)] if wanted.edge.isdecimal() else named)

    def lets_through(self, record: Record) -> bool:
        """Return whether a record is wanted."""
        if self._kinds and KINDS[type(record)] not in self._kinds:
            return False
        if self._nodes is not None and getattr(record, "node", -1) not in self._nodes:
            return False
        return self._edges is None or (isinstance(record, Emitted) and record.edge in self._edges)


class Names:
    """The names of what records speak of by index.

    Args:
        head: of the recording, or of a revision.
        began_ms: when the recording began; the head says so when absent.
    """

    def __init__(self, head: Head, began_ms: int | None = None) -> None:
        self._head = head
        self._began_ms = head.began_ms if began_ms is None else began_ms

    def told(self, record: Record, value_bytes: int) -> HistoryRecord:
        """Return a record as people read it; a value that is larger than ``value_bytes`` is left out."""
        fields: dict[str, Any] = {}
        node = getattr(record, "node", None)
        if node is not None:
            fields["node_id"] = self._head.nodes[node].id
        cause = getattr(record, "cause", 0)
        if cause:
            fields["cause"] = cause
        value = getattr(record, "value", None)
        if value:
            if len(value) > value_bytes:
                fields["omitted_bytes"] = len(value)
            else:
                fields["value"] = msgspec.Raw(value)
        fields.update(self._more(record))
        time_ms = self._began_ms + round(record.at * 1000, 3)
        return HistoryRecord(sequence=record.number, kind=KINDS[type(record)], time_ms=time_ms, **fields)

    def _more(self, record: Record) -> Mapping[str, Any]:  # noqa: PLR0911, PLR0912 - one for each kind
        nodes = self._head.nodes
        match record:
            case Injected():
                return {"port": nodes[record.node].inputs[record.port], "lane": NAMES[record.lane]}
            case Emitted():
                return self._of_emission(record)
            case Answered():
                error = None if record.error is None else _named(record.error[0], record.error[1])
                port = nodes[record.node].inputs[record.port]
                return {"port": port, "emitted": len(record.emissions), "error": error}
            case Written():
                return {"key": _shown(record.key)}
            case Fired():
                return {"is_last": record.is_last}
            case Failed():
                return {"error": _named(record.name, record.message)}
            case Logged():
                return {"level": _shown(record.level), "message": _shown(record.message)}
            case Commanded():
                return {"message": _shown(record.command)}
            case Dropped():
                return {
                    "count": len(record.messages),
                    "made_of": record.messages,
                    "message": _shown(record.reason),
                }
            case Checkpointed():
                return {"omitted_bytes": len(record.body)}
            case Lost():
                return {"count": record.count}
            case Refused():
                return {"count": len(record.messages), "made_of": record.messages}
            case Made():
                return {"count": record.count, "made_of": record.messages}
            case Revised():
                return {"message": f"version {self._head.graph_version} of {self._head.name[:200]}"}
            case Invoked():
                return {}

    def _of_emission(self, record: Emitted) -> Mapping[str, Any]:
        nodes = self._head.nodes
        told: dict[str, Any] = {"port": nodes[record.node].outputs[record.port], "lane": NAMES[record.lane]}
        if record.edge >= 0:
            target, port = self._head.edges[record.edge].target
            told |= {
                "edge": record.edge,
                "target_node_id": nodes[target].id,
                "target_port": nodes[target].inputs[port],
            }
        return told


def lines_of(records: list[HistoryRecord]) -> bytes:
    """Return records as lines of JSON."""
    return b"".join([encode(record) + b"\n" for record in records])
