"""The door: an export of Node-RED becomes graphs. Pure; in this order:

read, flatten subflows, follow links       what there is
tabs that wires join become one graph      which graphs there will be
each node becomes a draft                  what runs
wires, then listeners, then context        what feeds what, without cycles
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any

from service.interchange.assembly import Reach, Wire, graph_document, without_cycles
from service.interchange.imported import Imported, ImportedGraph, NotImportableError
from service.interchange.names import UniqueNames, slug
from service.interchange.nodered.context import ContextUses, find_uses
from service.interchange.nodered.draft import Draft, Port, Workshop, port_name
from service.interchange.nodered.expansion import INSTANCE, JUNCTION, FlatNode, FlatWire, expand
from service.interchange.nodered.flows import Container, Flows, place_of, read_flows
from service.interchange.nodered.kinds.by_hand import by_hand
from service.interchange.nodered.kinds.events import link_return
from service.interchange.nodered.kinds.network import add_entry
from service.interchange.nodered.kinds.table import CONVERTERS
from service.interchange.nodered.links import LINK_CALL, Linked, follow_links
from service.interchange.nodered.listeners import LISTENERS, heard_by
from service.interchange.notes import Place, Report, shown
from service.interchange.texts import mended

WITHOUT_PART = ("comment", "group", "tab", "subflow", "global-config", "unknown:comment")
"""Types that are for people, and have no part in what runs."""

MOST_GRAPH_NODES = 5_000
"""Nodes of one graph; the runtime takes fewer, and what is far beyond that need not be put together."""

MOST_LISTENING = 10_000
"""Wires to catch, complete and status nodes of one graph: as many as a graph has edges."""


def import_flows(document: Any, tabs: Iterable[str] = (), unusable: Mapping[str, str] | None = None) -> Imported:
    """Make graphs of an export of Node-RED.

    Args:
        document: the decoded file.
        tabs: the names of the tabs that are wanted; all where none is given.
        unusable: components of function nodes whose code is known to be no program, and why; they refuse messages.

    Raises:
        NotImportableError: it is no such export, or nothing of it is wanted.
    """
    report = Report()
    flows = read_flows(mended(document), report)
    _promote_subflows(flows)
    linked = follow_links(expand(flows, report), flows, report)
    _note_what_has_no_part(flows, linked, report)
    nodes = {key: node for key, node in linked.nodes.items() if node.red.type not in WITHOUT_PART}
    wanted = set(tabs)
    components: dict[str, dict[str, Any]] = {}
    graphs: list[ImportedGraph] = []
    slugs = UniqueNames()
    for group in _joined_tabs(nodes, linked.wires):
        names = [flows.container(tab).name for tab in group]
        if not wanted or wanted & set(names):
            members = {key: node for key, node in nodes.items() if node.tab in group}
            if len(members) > MOST_GRAPH_NODES:
                shown_names = ", ".join(shown(each) for each in names[:5])
                raise NotImportableError(
                    f"{shown_names}: {len(members)} nodes in one graph; {MOST_GRAPH_NODES} are taken"
                )
            name = " and ".join(names[:3]) + (" and others" if len(names) > 3 else "")
            graph_slug = slugs.give(slug(name, "flow"))
            workshop = Workshop(graph_slug, flows, report, components, unusable or {})
            document_made = _Assembly(workshop, members, linked).graph(name, group)
            graphs.append(ImportedGraph(graph_slug, document_made, tuple(workshop.used)))
    if not graphs:
        known = ", ".join(shown(tab.name) for tab in flows.tabs.values())
        reason = f"No such tab; there are {known}" if wanted else "There is no node in it that could run"
        raise NotImportableError(reason)
    return Imported(tuple(graphs), components, report.notes())


def _promote_subflows(flows: Flows) -> None:
    """Make graphs of a file's subflows where it has nothing but these: of those that no other one uses."""
    if any(container not in flows.subflows for container in flows.nodes):
        return
    used = {red.type.removeprefix(INSTANCE) for reds in flows.nodes.values() for red in reds}
    flows.tabs |= {key: each for key, each in flows.subflows.items() if key not in used}


def _note_what_has_no_part(flows: Flows, linked: Linked, report: Report) -> None:
    for node in linked.nodes.values():
        if node.red.type in WITHOUT_PART:
            report.note("leftOut", "It is for people, and has no part in the graph", place_of(node.red, flows))
    for red in flows.configurations.values():
        if red.type not in WITHOUT_PART:
            report.note("leftOut", "A configuration node: what uses it says so", place_of(red, flows))


def _joined_tabs(nodes: Mapping[str, FlatNode], wires: Iterable[FlatWire]) -> list[list[str]]:
    """Return the tabs in groups: those that wires lead between are one graph."""
    leader = {node.tab: node.tab for node in nodes.values()}

    def first(tab: str) -> str:
        while leader[tab] != tab:
            leader[tab] = leader[leader[tab]]
            tab = leader[tab]
        return tab

    for wire in wires:
        if wire.source in nodes and wire.target in nodes:
            leader[first(nodes[wire.target].tab)] = first(nodes[wire.source].tab)
    groups: dict[str, list[str]] = defaultdict(list)
    for tab in leader:
        groups[first(tab)].append(tab)
    return list(groups.values())


class _Assembly:
    """Puts one graph together."""

    def __init__(self, shop: Workshop, nodes: Mapping[str, FlatNode], linked: Linked) -> None:
        self._shop = shop
        self._nodes = nodes
        self._linked = linked
        self._wires = [wire for wire in linked.wires if wire.source in nodes and wire.target in nodes]
        self._drafts: dict[str, Draft] = {}
        self._names: dict[str, str] = {}

    def graph(self, name: str, tabs: list[str]) -> dict[str, Any]:
        """Make the graph."""
        entry = self._convert()
        kept, back = without_cycles(list(self._shop.nodes), [*self._shop.wires, *self._plain_wires()])
        owners = {made: key for key, made in self._names.items()}
        for wire in back:
            self._note_cycle(wire, owners)
        tells: dict[str, set[str]] = defaultdict(set)
        reach = Reach(kept)
        for wire, port in (*self._listening(), *self._context()):
            if wire in kept:
                continue
            if reach.closes(wire):
                self._note_deaf(wire, port, owners)
                continue
            reach.add(wire)
            kept.append(wire)
            tells[wire.source].add(port)
        self._tell(tells)
        metadata: dict[str, Any] = {"role": "service"}
        if entry:
            metadata["ingress"] = {"node": entry, "port": "in"}
        flows = self._shop.flows
        about = "\n".join(flows.container(tab).info for tab in tabs).strip()
        ports = self._ports(flows.tabs[tabs[0]]) if tabs[0] in flows.subflows else {}
        more = {"ports": ports, "metadata": {} if ports else metadata, "description": about[:2_000]}
        return graph_document(name[:200], self._shop.nodes.values(), kept, **more)

    def _ports(self, subflow: Container) -> dict[str, Any]:
        """Return the ports of a graph that was a subflow, for other graphs to use it by."""
        entries = [self._drafts[end].entry for end in subflow.inputs if end in self._drafts]
        inputs = [bound for bound in entries if bound is not None]
        made: dict[str, Any] = {"inputs": [{"name": "in", "bind": _bind(inputs)}]} if inputs else {}
        outputs = []
        for index, ends in enumerate(subflow.outputs):
            known = ((self._drafts[end].outputs, number) for end, number in ends if end in self._drafts)
            bound = [ports[number] for ports, number in known if number < len(ports)]
            if bound:
                outputs.append({"name": port_name(index, len(subflow.outputs)), "bind": _bind(bound)})
        return {**made, **({"outputs": outputs} if outputs else {})}

    def _convert(self) -> str:
        """Make a draft of each node; return the name of the entry for requests, if there is one."""
        fed = {wire.target for wire in self._wires}
        routes = []
        for key, node in self._nodes.items():
            kind = node.red.type
            name = self._shop.name(node)
            self._names[key] = name
            if key in self._linked.callers:
                draft = link_return(node, self._shop, name, self._linked.callers[key])
            elif kind in CONVERTERS and not _is_dynamic_call(node):
                draft = CONVERTERS[kind](node, self._shop, name)
                if kind == "http in":
                    routes.append((name, node))
            else:
                draft = by_hand(node, self._shop, name, is_fed=key in fed)
            self._drafts[key] = draft
            if name in self._shop.nodes:
                self._shop.describe(name, node)
                if kind != JUNCTION:
                    self._shop.note("carried", _became(self._shop.nodes[name]["component"]), node, name)
        if not self._shop.nodes:
            raise NotImportableError("There is no node in it that could run")
        return add_entry(self._shop, routes[:90]) if routes else ""

    def _plain_wires(self) -> Iterator[Wire]:
        for wire in self._wires:
            source, target = self._drafts[wire.source], self._drafts[wire.target]
            if wire.output < len(source.outputs) and target.entry is not None:
                yield Wire(*source.outputs[wire.output], *target.entry)

    def _listening(self) -> Iterator[tuple[Wire, str]]:
        """Yield the wires to catch, complete and status nodes, and what their sources tell by them."""
        for kind in LISTENERS:
            for listener, source in islice(heard_by(kind, self._nodes), MOST_LISTENING):
                entry, draft = self._drafts[listener].entry, self._drafts[source]
                if entry is None or source == listener:
                    continue
                for port in _ports_heard(kind, draft):
                    self._introduce(kind, listener, source, port[0])
                    yield Wire(*port, *entry), "error" if kind == "catch" else kind

    def _introduce(self, kind: str, listener: str, source: str, made: str) -> None:
        """Let a listener know who it hears, as its messages say so."""
        red = self._nodes[source].red
        about = {"id": red.id, "type": red.type, "name": red.name}
        settings = self._shop.nodes[self._names[listener]].get("config", {}).get("settings")
        if kind == "catch" and settings is not None:
            settings["red"]["sources"][made] = about
        elif kind == "status" and settings is not None:
            settings["red"]["source"] = about

    def _context(self) -> Iterator[tuple[Wire, str]]:
        """Yield the wires along which a node tells another what it has written into flow or global context."""
        uses = find_uses(self._nodes)
        self._note_unwritten(uses)
        for pair in uses.pairs():
            writer, reader = self._drafts[pair.writer].program, self._drafts[pair.reader].program
            if writer and reader:
                where = pair.use.space.partition(" ")[0]
                message = f"What it writes to {where}.{shown(pair.use.key)} is sent to {reader} along an edge"
                self._shop.note("approximated", message, self._nodes[pair.writer], writer)
                yield Wire(writer, "context", reader, "context"), "context"

    def _note_unwritten(self, uses: ContextUses) -> None:
        for reader, use in uses.unwritten():
            where = use.space.partition(" ")[0]
            message = f"It reads {where}.{shown(use.key)}, which nothing in its graph writes"
            self._shop.note("byHand", message, self._nodes[reader], self._names[reader])

    def _tell(self, tells: Mapping[str, set[str]]) -> None:
        """Let programs emit what somebody hears, and nothing else."""
        for name, ports in tells.items():
            settings = self._shop.nodes[name].get("config", {}).get("settings")
            if isinstance(settings, dict) and "tells" in settings:
                settings["tells"] = sorted(ports)

    def _note_cycle(self, wire: Wire, owners: Mapping[str, str]) -> None:
        message = f"Its wire to {wire.target} closes a cycle and is left out: graphs have none"
        self._shop.report.note("byHand", message, self._place(wire.source, owners))

    def _note_deaf(self, wire: Wire, port: str, owners: Mapping[str, str]) -> None:
        """Note that a listener, or a reader of context, comes before who tells it: an edge would close a cycle."""
        report = self._shop.report
        if port == "context":
            message = f"{wire.target} reads what it writes, and comes before it: an edge would close a cycle"
            report.note("byHand", message, self._place(wire.source, owners))
        else:
            message = "It does not hear the nodes that are behind it: an edge would close a cycle"
            report.note("approximated", message, self._place(wire.target, owners))

    def _place(self, name: str, owners: Mapping[str, str]) -> Place:
        key = owners.get(name)
        return self._shop.place(self._nodes[key], name) if key else Place(node=name)


def _ports_heard(kind: str, draft: Draft) -> list[tuple[str, str]]:
    """Return the ports of a draft that a listener of a kind hears."""
    if kind == "catch":
        return draft.errors
    if kind == "complete":
        return [draft.complete] if draft.complete else draft.outputs[:1]
    return [draft.status] if draft.status else []


def _bind(ports: Iterable[Port]) -> list[dict[str, str]]:
    return [{"node": node, "port": port} for node, port in dict.fromkeys(ports)]


def _is_dynamic_call(node: FlatNode) -> bool:
    return node.red.type == LINK_CALL and node.red.text("linkType", "static") == "dynamic"


def _became(component: str) -> str:
    return f"It is a node of {component}"
