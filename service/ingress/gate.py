"""The gate of deliveries by a graph's name: who may deliver, and which of several graphs of one name is meant.
Pure.

The gate is the platform's, question by question:

1. enforcement is off: allowed
2. the caller is a super administrator: allowed
3. the graph asks for a capability that the caller does not hold: refused
4. the graph belongs to an organisation: allowed for its members, refused for all others
5. it belongs to nobody: allowed with the capability, refused where the graph asks for none

Names are not unique, and no organisation trusts another: a caller's own graph counts before anybody
else's of the same name, so nobody can take a name away by loading a graph first. A graph of others that declares
no ingress does not exist for the caller, as everywhere else. One that does has published its name.
"""

from collections.abc import Iterable

from engine.compile.ingress import Ingress, is_declared
from engine.compile.loaded_graph import LoadedGraph
from engine.quota import UNOWNED
from service.auth.caller import Caller


def graph_named(graphs: Iterable[LoadedGraph], name: str, caller: Caller) -> LoadedGraph | None:
    """Return the first loaded graph of a name, of those nearest to the caller; None where they can reach none."""
    reachable = [graph for graph in graphs if graph.definition.name == name and _is_reachable(graph, caller)]
    return min(reachable, key=lambda graph: _distance(graph, caller), default=None)


def reason_against(ingress: Ingress, owner: str, caller: Caller) -> str | None:
    """Return why a caller may not deliver; None where they may.

    Args:
        ingress: of the graph.
        owner: the graph's; "" where it is nobody's.
        caller: who wants to deliver.
    """
    principal = caller.principal
    if principal is None:  # callers are not asked who they are
        return None if caller.changes_all else "nobody was recognised"
    if principal.is_super_admin:
        return None
    if ingress.capability is not None and ingress.capability not in principal.entitlements:
        return f"the capability {ingress.capability} is required"
    if owner != UNOWNED:
        return (
            None
            if _is_member(caller, owner)
            else "the caller is no member of the organization that owns the graph"
        )
    return (
        None if ingress.capability is not None else "the graph belongs to no organization and names no capability"
    )


def _is_reachable(graph: LoadedGraph, caller: Caller) -> bool:
    near = caller.sees(graph.owner) or _is_member(caller, graph.owner)
    return near or is_declared(graph.definition.metadata)


def _is_member(caller: Caller, owner: str) -> bool:
    return caller.principal is not None and owner in caller.principal.organizations


def _distance(graph: LoadedGraph, caller: Caller) -> int:
    """Return a graph's distance from a caller: the organisation they act for, their others, nobody, others."""
    if graph.owner == caller.org:
        return 0
    if _is_member(caller, graph.owner):
        return 1
    return 2 if graph.owner == UNOWNED else 3
