"""Catch, complete and status nodes: whom they listen to. Pure.

A catch node without a list hears all nodes of its tab, or of its instance of a subflow; an error that nobody hears
there goes to the catch nodes around the instance. One that is for the uncaught hears only what no other one does.
"""

from collections.abc import Iterator, Mapping

from service.interchange.nodered.expansion import FlatNode

LISTENERS = ("catch", "complete", "status")


def heard_by(kind: str, nodes: Mapping[str, FlatNode]) -> Iterator[tuple[str, str]]:
    """Yield the keys of each listener of a kind and of each node that it hears, in the order of the listeners."""
    by_scope: dict[str, list[FlatNode]] = {}
    for node in nodes.values():
        if node.red.type == kind:
            by_scope.setdefault(node.scope, []).append(node)
    for source in nodes.values():
        if source.red.type != kind:
            for listener in _listeners_of(source, by_scope):
                yield listener.key, source.key


def _listeners_of(source: FlatNode, by_scope: Mapping[str, list[FlatNode]]) -> list[FlatNode]:
    scope, seen_as = source.scope, source.red.id
    around = list(source.parents)
    while True:
        listeners = by_scope.get(scope, [])
        found = [each for each in listeners if not _is_last_resort(each) and _hears(each, seen_as, source)]
        if not found:
            found = [each for each in listeners if _is_last_resort(each)]
        if found or not around:
            return found
        instance = around.pop()
        scope = around[-1] if around else source.tab
        seen_as = instance.rsplit("/", 1)[-1]


def _hears(listener: FlatNode, seen_as: str, source: FlatNode) -> bool:
    """Return whether a listener hears a node, or the instance that it is in."""
    scope = listener.red.props.get("scope")
    if listener.red.type == "complete":
        directly = {end for ends in listener.red.wires for end in ends}
        return isinstance(scope, list) and seen_as in scope and seen_as not in directly
    if scope == "group":
        return bool(listener.red.group) and listener.red.group == source.red.group
    return seen_as in scope if isinstance(scope, list) else True


def _is_last_resort(listener: FlatNode) -> bool:
    return listener.red.type == "catch" and listener.red.flag("uncaught")
