"""One flat graph of graphs inside graphs: nothing of the borders is left at run time. Pure.

A node ``convert`` of the graph that node ``pricing`` uses is ``pricing/convert``, however deep. What the using
node says of errors holds inside wherever nothing else is said there. Edges are for ``engine.compile.wiring``.

All of it is weighed before any of it is built: a graph of a few lines can mean a billion nodes. A computation in
steps (``engine.cooperative.slices``).
"""

import msgspec

from engine.compile.dead_letters import letter_edges
from engine.compile.flat_graph import BOTH_ARE_WRITTEN, TARGET_IS_WRITTEN, FlatGraph
from engine.compile.parts import Part
from engine.compile.scopes import ParameterScope
from engine.compile.unfolding import Unfolding, Use
from engine.compile.wiring import OverfullError, Wiring
from engine.cooperative.slices import Steps
from engine.documents.problem_report import ProblemReport, shown
from engine.documents.weight import Weight
from engine.limits import EngineLimits


def flatten(part: Part, limits: EngineLimits, report: ProblemReport) -> Steps[FlatGraph | None]:
    """Write a graph out.

    Args:
        part: the graph, put together (``engine.compile.parts``).
        limits: bounds of the whole.
        report: takes what is wrong with uses, edges and ports; what is wrong with nodes is not looked for.

    Returns:
        The flat graph; None where it would be larger than a graph may be.
    """
    draft = part.draft
    if not part.children and not part.lost and not draft.definition.ports.inputs + draft.definition.ports.outputs:
        return (yield from _as_it_is(part, limits, report))
    if not _check_size(part, limits, report):
        return None
    unfolding = Unfolding(part, report)
    yield from unfolding.unfold(Use(part, None, None, "", "", 0))
    wiring = Wiring(unfolding, limits, report)
    try:
        yield from wiring.connect()
        inputs, outputs = yield from wiring.ports()
    except OverfullError:
        _note_edges(report, limits)
        return None
    uses = {use.path: use.node.component for use in unfolding.uses if use.node is not None}
    for node, path in zip(unfolding.nodes, unfolding.node_paths, strict=True):
        if node.id in uses:
            report.note("node.duplicate_id", f"{path}.id", f"Duplicate node id: {shown(node.id)}")
    yield
    return FlatGraph(
        draft=draft,
        definition=msgspec.structs.replace(
            draft.definition, nodes=tuple(unfolding.nodes), edges=tuple(wiring.edges)
        ),
        node_paths=unfolding.node_paths,
        edge_paths=wiring.edge_paths,
        edge_ends=wiring.edge_ends,
        misshapen_ids=frozenset(unfolding.lost),
        scopes=tuple(unfolding.scopes),
        scope_of=[use.scope for use in unfolding.owners],
        weight=part.weight,
        bound=wiring.bound,
        inputs=inputs,
        outputs=outputs,
        uses=uses,
    )


def _as_it_is(part: Part, limits: EngineLimits, report: ProblemReport) -> Steps[FlatGraph | None]:
    draft = part.draft
    definition = draft.definition
    edge_paths = [f"edges[{place}]" for place in draft.edge_places]
    edge_ends = [BOTH_ARE_WRITTEN] * len(edge_paths)
    if any(edge.policy is not None for edge in definition.edges):
        yield
        letters, letter_paths = letter_edges(definition.edges, edge_paths)
        definition = msgspec.structs.replace(definition, edges=(*definition.edges, *letters))
        edge_paths += letter_paths
        edge_ends += [TARGET_IS_WRITTEN] * len(letters)
        if len(edge_paths) > limits.graph_edges:
            _note_edges(report, limits)
            return None
    return FlatGraph(
        draft=draft,
        definition=definition,
        node_paths=[f"nodes[{place}]" for place in draft.node_places],
        edge_paths=edge_paths,
        edge_ends=edge_ends,
        misshapen_ids=draft.misshapen_ids,
        scopes=(ParameterScope(part.parameters),),
        scope_of=[0] * len(draft.node_places),
        weight=draft.weight,
    )


def _check_size(part: Part, limits: EngineLimits, report: ProblemReport) -> bool:
    """Note what would be more than a graph may be, and return whether there is nothing to note."""
    size = part.size
    noted = False
    if size.nodes > limits.graph_nodes:
        message = (
            f"With the graphs inside it the graph has {shown(size.nodes)} nodes; {limits.graph_nodes} are allowed"
        )
        report.note("graph.too_large", "nodes", message)
        noted = True
    if size.edges > limits.graph_edges:
        _note_edges(report, limits)
        noted = True
    if part.weight.exceeds(Weight(limits.graph_bytes, limits.graph_values)):
        message = (
            f"With the graphs inside it the graph holds more than {limits.graph_bytes} bytes of JSON text, or "
            f"more than {limits.graph_values} names and values"
        )
        report.note("graph.too_large", "nodes", message)
        noted = True
    return not noted and size.depth <= limits.graph_depth


def _note_edges(report: ProblemReport, limits: EngineLimits) -> None:
    message = (
        f"With the graphs inside it the graph has more than {limits.graph_edges} edges, bound ports and ways of "
        "dead letters"
    )
    report.note("graph.too_large", "edges", message)
