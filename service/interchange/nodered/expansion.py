"""Subflows flattened: each instance's nodes become nodes of its tab, by ids that lead there. Pure.

An instance has no node of its own: at its input, and at each of its outputs, stands a junction, and junctions
become wires (``links``). So it costs nothing at run time, and what is inside can be watched and injected into.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from service.interchange.imported import NotImportableError
from service.interchange.nodered.environment import extended, filled, names_used
from service.interchange.nodered.flows import Container, Flows, RedNode, place_of
from service.interchange.notes import Report, shown

INSTANCE = "subflow:"
JUNCTION = "junction"

MOST_DEPTH = 20
"""Levels of subflows in subflows."""

MOST_FLAT_NODES = 20_000
"""Nodes of a file once its subflows are flattened: twenty levels of two instances each would be a million."""

OWN_VARIABLES = ("NR_NODE_ID", "NR_NODE_NAME", "NR_NODE_PATH")


class FlatNode(msgspec.Struct, frozen=True):
    """A node at its place.

    Attributes:
        key: its id, behind those of the instances that it is in.
        red: the node itself, with the variables of its place filled in.
        scope: what its flow context and its catch nodes belong to: a tab's id, or an instance's key.
        parents: the keys of the instances that it is in, the innermost last.
        tab: the id of the tab that all of this is in.
        trail: the names of those instances, for the names of nodes.
        env: the variables of its place.
    """

    key: str
    red: RedNode
    scope: str
    parents: tuple[str, ...] = ()
    tab: str = ""
    trail: tuple[str, ...] = ()
    env: Mapping[str, Any] = {}


class FlatWire(msgspec.Struct, frozen=True):
    """A wire between nodes by their keys; outputs are counted from 0."""

    source: str
    output: int
    target: str


class Expansion(msgspec.Struct):
    """All nodes and wires of the tabs."""

    nodes: dict[str, FlatNode] = {}
    wires: list[FlatWire] = []


class _Place(msgspec.Struct, frozen=True):
    """The place that a container's nodes are put into."""

    scope: str
    prefix: str
    tab: str
    env: Mapping[str, Any]
    parents: tuple[str, ...] = ()
    trail: tuple[str, ...] = ()
    definitions: tuple[str, ...] = ()


def expand(flows: Flows, report: Report) -> Expansion:
    """Flatten all tabs that are switched on.

    Raises:
        NotImportableError: the subflows hold too much once they are flattened.
    """
    made = Expansion()
    outer: dict[str, Any] = {}
    for configuration in flows.configurations.values():
        if configuration.type == "global-config":
            outer = extended(outer, configuration.items("env"))
    for container_id in flows.nodes:
        if container_id in flows.subflows and container_id not in flows.tabs:
            continue
        tab = flows.container(container_id)
        if tab.is_disabled:
            for red in flows.nodes[container_id]:
                report.note("leftOut", "Its tab is disabled", place_of(red, flows))
            continue
        env = extended(outer, tab.env)
        _Filler(flows, report, made).fill(tab, _Place(tab.id, "", tab.id, env))
    return made


class _Filler:
    """Puts the nodes of containers into the expansion."""

    def __init__(self, flows: Flows, report: Report, made: Expansion) -> None:
        self._flows = flows
        self._report = report
        self._made = made

    def fill(self, container: Container, place: _Place) -> None:
        """Put the nodes of a container into a place, and those of the instances in it."""
        members = {red.id: red for red in self._flows.nodes.get(container.id, ())}
        for red in members.values():
            if red.is_disabled:
                self._report.note("leftOut", "It is disabled", place_of(red, self._flows))
                continue
            env = self._environment(red, place)
            node = FlatNode(
                key=f"{place.prefix}{red.id}",
                red=self._filled(red, env),
                scope=place.scope,
                parents=place.parents,
                tab=place.tab,
                trail=place.trail,
                env=env,
            )
            if len(self._made.nodes) >= MOST_FLAT_NODES:
                raise NotImportableError(f"Its subflows, flattened, have more than {MOST_FLAT_NODES} nodes")
            self._made.wires += self._wires(red, place, members)
            if red.type.startswith(INSTANCE):
                self._instance(node, place)
            else:
                self._made.nodes[node.key] = node

    def _environment(self, red: RedNode, place: _Place) -> Mapping[str, Any]:
        groups: list[RedNode] = []
        group = self._flows.groups.get(red.group)
        while group is not None and group not in groups:
            groups.append(group)
            group = self._flows.groups.get(group.group)
        env = place.env
        for each in reversed(groups):
            env = extended(env, each.items("env"))
        return env

    def _filled(self, red: RedNode, env: Mapping[str, Any]) -> RedNode:
        unknown: set[str] = set()
        own = dict(zip(OWN_VARIABLES, (red.id, red.name, red.id), strict=True))
        kept = ("id", "type", "wires", "func", "initialize", "finalize", "template", "info", "env")
        props = {
            key: value if key in kept else filled(value, {**env, **own}, unknown)
            for key, value in red.props.items()
        }
        unknown |= {name for name in names_used(red.props) if name not in env and name not in own}
        for name in sorted(unknown):
            message = (
                f"The environment variable {shown(name)} is given nowhere in the file: put its value into the node"
            )
            self._report.note("byHand", message, place_of(red, self._flows))
        return msgspec.structs.replace(red, props=props)

    def _wires(self, red: RedNode, place: _Place, members: Mapping[str, RedNode]) -> Iterator[FlatWire]:
        source = f"{place.prefix}{red.id}"
        is_instance = red.type.startswith(INSTANCE)
        for output, ends in enumerate(red.wires):
            for end in ends:
                if end not in members:
                    message = f"A wire leads to {shown(end)}, which is not in its tab; it is left out"
                    self._report.note("leftOut", message, place_of(red, self._flows))
                elif not members[end].is_disabled:
                    start = FlatWire(f"{source}>{output}", 0, f"{place.prefix}{end}")
                    yield start if is_instance else FlatWire(source, output, f"{place.prefix}{end}")

    def _instance(self, node: FlatNode, place: _Place) -> None:
        """Put an instance of a subflow into its place: a junction at each end, and its nodes between them."""
        definition = self._flows.subflows.get(node.red.type.removeprefix(INSTANCE))
        where = place_of(node.red, self._flows)
        if definition is None:
            self._report.note("byHand", "Its subflow is not in the file; export it together with the flow", where)
            self._made.nodes[node.key] = node
            self._made.wires += [
                FlatWire(node.key, output, wire.target)
                for output in range(len(node.red.wires))
                for wire in self._made.wires
                if wire.source == f"{node.key}>{output}"
            ]
            return
        if definition.id in place.definitions or len(place.definitions) >= MOST_DEPTH:
            circle = " in ".join(
                shown(self._flows.container(each).name) for each in (definition.id, *reversed(place.definitions))
            )
            self._report.note("byHand", f"The subflow contains itself: {circle}; the inner one is left out", where)
            return
        self._report.note(
            "carried", f"The nodes of the subflow {shown(definition.name)} stand in its place", where
        )
        self._junction(node, node.key)
        inner = f"{node.key}/"
        for output, ends in enumerate(definition.outputs):
            self._junction(node, f"{node.key}>{output}")
            for end, number in ends:
                self._made.wires.append(
                    FlatWire(*self._start(end, number, node, definition), f"{node.key}>{output}")
                )
        self._made.wires += [FlatWire(node.key, 0, f"{inner}{end}") for end in definition.inputs]
        env = extended(extended(node.env, definition.env), node.red.items("env"))
        self.fill(
            definition,
            _Place(
                scope=node.key,
                prefix=inner,
                tab=place.tab,
                env=env,
                parents=(*place.parents, node.key),
                trail=(*place.trail, node.red.name or definition.name),
                definitions=(*place.definitions, definition.id),
            ),
        )

    def _start(self, end: str, number: int, node: FlatNode, definition: Container) -> tuple[str, int]:
        """Return where a wire to an output begins: at the input, at a node inside, or at an instance inside."""
        if end == definition.id:
            return node.key, 0
        members = self._flows.nodes.get(definition.id, ())
        if any(red.id == end and red.type.startswith(INSTANCE) for red in members):
            return f"{node.key}/{end}>{number}", 0
        return f"{node.key}/{end}", number

    def _junction(self, node: FlatNode, key: str) -> None:
        red = RedNode(id=node.red.id, type=JUNCTION, name=node.red.name, container=node.red.container)
        self._made.nodes[key] = msgspec.structs.replace(node, key=key, red=red)
