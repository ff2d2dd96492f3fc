"""Flow and global context: which nodes write a key, and which read it. Pure.

Each component has state of its own, and none sees another's. So a node that writes a key sends it to those that
read it, along an edge of its own; where that would close a cycle, it cannot be done.
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping

import msgspec

from service.interchange.nodered.code import ANY_KEY, context_uses, root_of
from service.interchange.nodered.expansion import FlatNode
from service.interchange.nodered.flows import RedNode

MOST_PAIRS = 2_000
"""Pairs of a writer and a reader in one graph; each is an edge."""

_SCOPES = ("flow", "global")
_IN_TEMPLATE = re.compile(r"\{\{\{?[#^&/]?\s*(flow|global)(?:\[\w+\])?\.([^}\s]+)")
_TYPED = {
    "inject": (("props", (("v", "vt"),)),),
    "switch": (("rules", (("v", "vt"), ("v2", "v2t"))),),
}


class Use(msgspec.Struct, frozen=True, order=True):
    """One key that a node reads or writes; ``space`` says whose context it is in."""

    space: str
    key: str


class Pair(msgspec.Struct, frozen=True):
    """A node that writes a key, and another that reads it, by their keys."""

    writer: str
    reader: str
    use: Use


class ContextUses(msgspec.Struct, frozen=True):
    """The uses of context in a graph."""

    reads: Mapping[str, frozenset[Use]]
    writes: Mapping[str, frozenset[Use]]

    def pairs(self) -> list[Pair]:
        """Return each writer with each other node that reads what it writes."""
        readers: dict[str, list[tuple[str, Use]]] = defaultdict(list)
        for reader, uses in self.reads.items():
            for use in sorted(uses):
                readers[use.space].append((reader, use))
        pairs: dict[tuple[str, str], Pair] = {}
        for writer, uses in self.writes.items():
            for use in sorted(uses):
                for reader, wanted in readers[use.space]:
                    if reader != writer and (use.key == wanted.key or ANY_KEY in (use.key, wanted.key)):
                        pairs.setdefault((writer, reader), Pair(writer, reader, use))
                        if len(pairs) >= MOST_PAIRS:
                            return list(pairs.values())
        return list(pairs.values())

    def unwritten(self) -> Iterator[tuple[str, Use]]:
        """Yield the nodes that read what nobody writes."""
        written = {use for uses in self.writes.values() for use in uses}
        loose = {use.space for use in written if use.key == ANY_KEY}
        for reader, uses in self.reads.items():
            for use in sorted(uses):
                if use not in written and use.space not in loose and use.key != ANY_KEY:
                    yield reader, use


def find_uses(nodes: Mapping[str, FlatNode]) -> ContextUses:
    """Find who reads and who writes which key."""
    reads: dict[str, frozenset[Use]] = {}
    writes: dict[str, frozenset[Use]] = {}
    for key, node in nodes.items():
        for verb, made in (("get", reads), ("set", writes)):
            uses = {
                Use(f"flow {node.scope}" if scope == "flow" else "global", name)
                for scope, each, name in uses_of(node.red)
                if each == verb
            }
            if uses:
                made[key] = frozenset(uses)
    return ContextUses(reads, writes)


def uses_of(red: RedNode) -> Iterator[tuple[str, str, str]]:
    """Yield the scope, ``get`` or ``set``, and the key of each use of context by a node."""
    match red.type:
        case "function":
            for part in ("initialize", "func", "finalize"):
                yield from context_uses(red.text(part))
        case "change":
            yield from _in_change(red)
        case "inject" | "switch":
            for field, columns in _TYPED[red.type]:
                for item in red.items(field):
                    yield from _in_fields(item, columns, "get")
            yield from _in_fields(red.props, (("property", "propertyType"), ("payload", "payloadType")), "get")
        case "template":
            yield from ((scope, "get", root_of(key)) for scope, key in _IN_TEMPLATE.findall(red.text("template")))
            yield from _in_fields(red.props, (("field", "fieldType"),), "set")
        case "trigger":
            yield from _in_fields(red.props, (("op1", "op1type"), ("op2", "op2type")), "get")


def _in_change(red: RedNode) -> Iterator[tuple[str, str, str]]:
    for rule in red.items("rules"):
        kind = rule.get("t")
        written = (("p", "pt"), ("to", "tot")) if kind == "move" else (("p", "pt"),)
        yield from _in_fields(rule, written, "set")
        read = (("p", "pt"),) if kind in ("move", "change") else ()
        also = () if kind in ("move", "delete") else (("to", "tot"), ("from", "fromt"))
        yield from _in_fields(rule, (*read, *also), "get")


def _in_fields(
    item: Mapping[str, object], columns: tuple[tuple[str, str], ...], verb: str
) -> Iterator[tuple[str, str, str]]:
    for value, kind in columns:
        scope, key = item.get(kind), item.get(value)
        if scope in _SCOPES and isinstance(key, str) and key:
            yield str(scope), verb, ANY_KEY if "[msg" in key else root_of(key)
