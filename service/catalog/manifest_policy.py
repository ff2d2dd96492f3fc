"""The gate before a graph: only components with a manifest in the catalog may be used. Pure.

An operator takes a component out of use by deleting its manifest. Before the catalog was read nobody can say what
it holds; the platform's runtime then refuses every graph, for ever if the catalog was down at the start. Whoever
says ``strict`` gets that, without the for ever. Where a catalog is configured and nothing was said, the gate is
strict from the moment on when the catalog was read, and until then tells in the log what it lets through: a
runtime whose catalog is down does its work (docs/decisions/0073).
"""

from collections.abc import Collection, Sequence

import msgspec

from proto.problem import Problem
from service.settings.catalog import Enforcement

UNREAD = (
    "Component manifests unavailable (catalog not reached), so nobody can say whether the components of this "
    "graph may be used; try again when the catalog answers, or set RUNTIME_MANIFEST_ENFORCEMENT=warn"
)


class Verdict(msgspec.Struct, frozen=True):
    """The gate's verdict on a graph.

    Attributes:
        refused: components that may not be used.
        is_unread: whether the graph is refused because nobody can say.
        noted: components that are let through and told of.
    """

    refused: tuple[str, ...] = ()
    is_unread: bool = False
    noted: tuple[str, ...] = ()


def judge(enforcement: Enforcement, used: Sequence[str], manifests: Collection[str] | None) -> Verdict:
    """Judge whether a graph may use its components.

    Args:
        enforcement: what the settings say; ``unset`` where they say nothing and there is a catalog.
        used: ids of the graph's components.
        manifests: ids of the components that have a manifest; None while the catalog was not read.
    """
    if enforcement == "off" or not used:
        return Verdict()
    if manifests is None:
        return Verdict(is_unread=True) if enforcement == "strict" else Verdict(noted=tuple(used))
    lacking = tuple(component_id for component_id in used if component_id not in manifests)
    return Verdict(noted=lacking) if enforcement == "warn" else Verdict(refused=lacking)


def obstacles_of(verdict: Verdict) -> dict[str, Problem]:
    """Return the refused components, each with what to do about it."""
    return {
        component_id: Problem("node.no_manifest", "", _lacks(component_id)) for component_id in verdict.refused
    }


def problems_of(verdict: Verdict) -> tuple[Problem, ...]:
    """Return what speaks against the graph as a whole."""
    return (Problem("graph.manifests_unavailable", "nodes", UNREAD),) if verdict.is_unread else ()


def _lacks(component_id: str) -> str:
    return (
        f"Component {component_id} has no manifest in the catalog (components/{component_id}), so graphs may not "
        "use it; publish one there, or set RUNTIME_MANIFEST_ENFORCEMENT=warn"
    )
