"""Link nodes and junctions as wires: what only leads on needs no node. Pure."""

from collections import defaultdict
from collections.abc import Iterable

import msgspec

from service.interchange.nodered.expansion import JUNCTION, Expansion, FlatNode, FlatWire
from service.interchange.nodered.flows import Flows, place_of
from service.interchange.notes import Report, shown

LINK_IN = "link in"
LINK_OUT = "link out"
LINK_CALL = "link call"
RETURN = "return"

MOST_WIRES_OF_A_JUNCTION = 64
"""Wires that a junction may become; where many come in and many go out it stays a node."""


class Linked(msgspec.Struct, frozen=True):
    """The nodes and wires with all links followed.

    Attributes:
        nodes: what is left of the nodes.
        wires: all wires among them.
        callers: for each ``link out`` that answers, the keys of the calls that it answers, by its outputs.
        kept: the keys of the junctions that stay nodes.
    """

    nodes: dict[str, FlatNode]
    wires: list[FlatWire]
    callers: dict[str, tuple[str, ...]]
    kept: frozenset[str]


def follow_links(expansion: Expansion, flows: Flows, report: Report) -> Linked:
    """Replace links, calls and junctions by wires."""
    nodes = expansion.nodes
    wires = [wire for wire in dict.fromkeys(expansion.wires) if wire.source in nodes and wire.target in nodes]
    for node in nodes.values():
        if node.red.type == LINK_OUT and node.red.text("mode", "link") != RETURN:
            wires += [FlatWire(node.key, 0, target) for target in _targets(node, nodes, flows, report)]
    wires, callers = _with_calls(nodes, wires, flows, report)
    plain = {
        key
        for key, node in nodes.items()
        if node.red.type in (JUNCTION, LINK_IN) or (node.red.type == LINK_OUT and key not in callers)
    }
    wires, kept = _contracted(plain, wires)
    left = {key: node for key, node in nodes.items() if key not in plain or key in kept}
    return Linked(left, wires, callers, frozenset(kept))


def _targets(node: FlatNode, nodes: dict[str, FlatNode], flows: Flows, report: Report) -> Iterable[str]:
    """Yield the keys of the ``link in`` nodes that a link leads to: of its own instance first, then of any tab."""
    prefix = node.key.removesuffix(node.red.id)
    for link in node.red.texts("links"):
        for key in (f"{prefix}{link}", link):
            if key in nodes and nodes[key].red.type == LINK_IN:
                yield key
                break
        else:
            message = f"It links to {shown(link)}, which is no link in node of the file"
            report.note("leftOut", message, place_of(node.red, flows))


def _with_calls(
    nodes: dict[str, FlatNode], wires: list[FlatWire], flows: Flows, report: Report
) -> tuple[list[FlatWire], dict[str, tuple[str, ...]]]:
    """Lead each call to its target, and what answers it to where the call's own wires led."""
    onward: dict[str, set[str]] = defaultdict(set)
    for wire in wires:
        onward[wire.source].add(wire.target)
    answered: dict[str, list[str]] = defaultdict(list)
    made: list[FlatWire] = []
    for node in nodes.values():
        if node.red.type != LINK_CALL or node.red.text("linkType", "static") == "dynamic":
            continue
        targets = list(_targets(node, nodes, flows, report))
        made += [FlatWire(node.key, 0, target) for target in targets]
        returns = [
            key
            for key in _reach(targets, onward)
            if nodes[key].red.type == LINK_OUT and nodes[key].red.text("mode") == RETURN
        ]
        for key in returns:
            answered[key].append(node.key)
        if not returns:
            report.note("byHand", "Nothing that it calls answers it", place_of(node.red, flows))
    calls = {key for keys in answered.values() for key in keys}
    calls |= {wire.source for wire in made}
    behind: dict[str, list[str]] = defaultdict(list)
    for wire in wires:
        if wire.source in calls:
            behind[wire.source].append(wire.target)
    kept = [wire for wire in wires if wire.source not in calls]
    for key, callers in answered.items():
        for output, caller in enumerate(callers):
            made += [FlatWire(key, output, target) for target in behind[caller]]
    for node in nodes.values():
        if node.red.type == LINK_OUT and node.red.text("mode") == RETURN and node.key not in answered:
            report.note("leftOut", "It answers calls, and nothing calls it", place_of(node.red, flows))
    return [*kept, *made], {key: tuple(callers) for key, callers in answered.items()}


def _reach(starts: Iterable[str], onward: dict[str, set[str]]) -> list[str]:
    seen = dict.fromkeys(starts)
    waiting = list(seen)
    while waiting:
        for target in sorted(onward.get(waiting.pop(), ())):
            if target not in seen:
                seen[target] = None
                waiting.append(target)
    return list(seen)


def _contracted(plain: set[str], wires: list[FlatWire]) -> tuple[list[FlatWire], set[str]]:
    """Join the wires that meet at each junction; the junctions where too many meet stay."""
    meeting = _Meeting(plain)
    for wire in wires:
        meeting.add(wire)
    kept = {key for key in sorted(plain) if not meeting.dissolve(key)}
    return list(meeting.joined), kept


class _Meeting:
    """Wires that end or begin at junctions, and those that do neither (``joined``)."""

    def __init__(self, junctions: Iterable[str]) -> None:
        self._junctions = set(junctions)
        self._into: dict[str, dict[tuple[str, int], None]] = defaultdict(dict)
        self._out: dict[str, dict[str, None]] = defaultdict(dict)
        self.joined: dict[FlatWire, None] = {}

    def add(self, wire: FlatWire) -> None:
        """Take in a wire."""
        if wire.target in self._junctions:
            self._into[wire.target][wire.source, wire.output] = None
        if wire.source in self._junctions:
            self._out[wire.source][wire.target] = None
        if wire.source not in self._junctions and wire.target not in self._junctions:
            self.joined[wire] = None

    def dissolve(self, key: str) -> bool:
        """Make wires of what meets at a junction; return false where that would be too many, so that it stays."""
        sources = [source for source in self._into[key] if source[0] != key]
        targets = [target for target in self._out[key] if target != key]
        is_small = len(sources) * len(targets) <= max(MOST_WIRES_OF_A_JUNCTION, len(sources), len(targets))
        if is_small:
            pairs = [FlatWire(*source, target) for source in sources for target in targets]
            for target in targets:
                self._into[target].pop((key, 0), None)
            for source, _ in sources:
                self._out[source].pop(key, None)
        else:
            pairs = [FlatWire(*source, key) for source in sources]
            pairs += [FlatWire(key, 0, target) for target in targets]
        self._junctions.discard(key)
        for wire in pairs:
            self.add(wire)
        return is_small
