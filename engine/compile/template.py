"""The parts of a graph that are filled in, when it is loaded and when it is executed.

A loaded graph keeps its placeholders, and what it takes to fill them: nobody who looks at it sees a value. The
values are found and checked for each execution, and given to its instances only.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from engine.compile.filling import FilledConfig, Filling
from engine.compile.flat_graph import FlatGraph
from engine.compile.scopes import Known, ParameterScope
from engine.contracts.component import Component
from engine.contracts.surroundings import Surroundings
from engine.cooperative.slices import Steps
from engine.documents.mask import Mask, mask_of
from engine.documents.problem_report import ProblemReport
from engine.limits import EngineLimits
from proto.graph import Node


class GraphTemplate(msgspec.Struct, frozen=True):
    """The parts of a loaded graph that are filled in for each execution.

    Attributes:
        scopes: the parameters of the graph, and of each graph that is used inside it.
        scope_of: the scope that each node is written in, by the node's index.
        paths: where each node is written.
        filled: indices of the nodes whose configurations have placeholders.
        secrets: names of the secrets that are used.
        env: names of the variables that are used.
    """

    scopes: tuple[ParameterScope, ...]
    scope_of: Sequence[int]
    paths: Sequence[str]
    filled: tuple[int, ...]
    secrets: frozenset[str]
    env: frozenset[str] = frozenset()


class Trial(msgspec.Struct, frozen=True):
    """A graph filled in as far as its values are known before it is executed.

    Attributes:
        nodes: with what was filled in.
        open: by index, the configuration keys of a node that are not among them, because a value is not known yet.
        template: of the graph; None where nothing of it is filled in.
    """

    nodes: tuple[Node, ...]
    open: Mapping[int, frozenset[str]]
    template: GraphTemplate | None


def try_out(
    graph: FlatGraph,
    components: Mapping[str, Component],
    surroundings: Surroundings,
    limits: EngineLimits,
    report: ProblemReport,
) -> Steps[Trial]:
    """Fill a graph in as far as its values are known.

    Args:
        graph: written out.
        components: those that the nodes may name, by id.
        surroundings: of the graph's owner.
        limits: bounds of configurations.
        report: takes the problems; it masks the secrets that the graph uses.
    """
    nodes, paths, scopes, scope_of = graph.definition.nodes, graph.node_paths, graph.scopes, graph.scope_of
    filling = Filling(surroundings, limits, report, is_executed=False)
    known = yield from filling.parameters(scopes, {})
    filled: dict[int, FilledConfig] = {}
    for index, node in enumerate(nodes):
        component = components.get(node.component)
        if component is not None and node.config:
            path = f"{paths[index]}.config"
            made = yield from filling.node(node.config, component.definition, known[scope_of[index]], path)
            if made.config is not node.config:
                filled[index] = made
        yield
    template = None
    if filled or any(scope.parameters.schemas for scope in scopes):
        template = GraphTemplate(
            scopes, scope_of, paths, tuple(filled), frozenset(filling.secrets), frozenset(filling.env)
        )
    return Trial(
        nodes=tuple(
            msgspec.structs.replace(node, config=dict(filled[index].config)) if index in filled else node
            for index, node in enumerate(nodes)
        ),
        open={index: made.open for index, made in filled.items() if made.open},
        template=template,
    )


class FilledGraph(msgspec.Struct, frozen=True):
    """The values of one execution.

    Attributes:
        configs: of the nodes whose configurations have placeholders, without the defaults of their components.
        param: what the programs of each scope see as ``param``, JSON text.
        scope_of: the scope of each node; empty where all of them have the first one.
        mask: of the secrets among them.
        used_bytes: of all that was filled in.
    """

    configs: Mapping[int, Mapping[str, Any]] = {}
    param: Sequence[bytes] = (b"{}",)
    scope_of: Sequence[int] = ()
    mask: Mask | None = None
    used_bytes: int = 0

    def __repr__(self) -> str:  # a struct shows its fields, and these must not be shown
        return f"FilledGraph({len(self.configs)} configurations)"

    def param_of(self, node: int) -> bytes:
        """Return what the program of a node sees as ``param``."""
        return self.param[self.scope_of[node] if self.scope_of else 0]


NOTHING_FILLED = FilledGraph()
"""The values of a graph without placeholders and parameters."""


def fill(
    template: GraphTemplate,
    nodes: Sequence[tuple[Node, Component]],
    given: Mapping[str, Any],
    surroundings: Surroundings,
    limits: EngineLimits,
    report: ProblemReport,
) -> Steps[FilledGraph]:
    """Fill a graph in for an execution.

    Args:
        template: of the graph.
        nodes: of the graph, each with its component.
        given: the values that the execution gives its parameters.
        surroundings: of the graph's owner.
        limits: bounds of configurations.
        report: takes the problems; it masks the secrets that the graph uses.
    """
    filling = Filling(surroundings, limits, report, is_executed=True)
    known: Sequence[Known] = yield from filling.parameters(template.scopes, given)
    configs = {}
    for index in template.filled:
        node, component = nodes[index]
        path = f"{template.paths[index]}.config"
        scope = known[template.scope_of[index]]
        made = yield from filling.node(node.config, component.definition, scope, path)
        configs[index] = made.config
        yield
    return FilledGraph(
        configs=configs,
        param=[scope.visible() for scope in known],
        scope_of=template.scope_of,
        mask=mask_of(surroundings.secrets, template.secrets),
        used_bytes=filling.used_bytes,
    )
