"""The policies of edges: what is wrong with them, and what they mean once everything is looked up. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from math import inf

from engine.compile.dead_letters import LetterEdge, edge_path_of
from engine.compile.loaded_graph import EdgeRules, Target
from engine.documents.problem_report import shown
from engine.limits import EngineLimits
from proto.graph import Edge, EdgePolicy, Endpoint, Node

FIELD_NAMES = 16
"""Names in the path of a field that holds a priority: no value of anybody's is nested deeper for that."""


def policy_problems(edge: Edge, path: str, limits: EngineLimits) -> Iterator[tuple[str, str, str]]:
    """Yield what is wrong with an edge's policy: a code, the place, and a sentence."""
    policy = edge.policy
    if policy is None:
        return
    place = f"{path}.policy"
    if policy.capacity is not None and policy.capacity > limits.inbox_messages:
        message = f"On an edge 1 to {limits.inbox_messages} messages may wait"
        yield "edge.policy_out_of_range", f"{place}.capacity", message
    if policy.size_bytes is not None and policy.size_bytes > limits.inbox_bytes:
        yield "edge.policy_out_of_range", f"{place}.bytes", f"On an edge 1 to {limits.inbox_bytes} bytes may wait"
    if isinstance(policy.priority, str):
        names = policy.priority.split(".")
        if not all(names) or len(names) > FIELD_NAMES:
            message = f"The path of a field is one to {FIELD_NAMES} names with dots between them, such as a.b"
            yield "edge.policy_out_of_range", f"{place}.priority", f"{message}, not {shown(policy.priority)}"
    if policy.overflow == "dead-letter" and policy.dead_letter is None:
        message = "What does not fit goes to deadLetter, and there is none; it is {node, port}"
        yield "edge.no_dead_letter", f"{place}.deadLetter", message
    if policy.dead_letter is not None:
        if policy.overflow != "dead-letter" and policy.expire_ms is None:
            message = "Nothing would go to deadLetter: that needs overflow: dead-letter, or expireMs"
            yield "edge.dead_letter_unused", f"{place}.deadLetter", message
        if policy.dead_letter == edge.target:
            message = f"Dead letters would go where the edge itself leads, to {shown(str(edge.target))}"
            yield "edge.dead_letter_to_itself", f"{place}.deadLetter", message


def rules_of(policy: EdgePolicy, ends: tuple[int, int, int, int], target: Node, limits: EngineLimits) -> EdgeRules:
    """Return what a policy means.

    Args:
        policy: without problems.
        ends: the indices of the edge, of the node that it leaves, of the port there, and of its target.
        target: the node that it leads to, whose inbox says what the policy leaves open.
        limits: the bounds of inboxes.
    """
    edge, source, port, to = ends
    inherited = "block" if target.inbox.overflow == "reject" else target.inbox.overflow  # which is for injections
    is_field = isinstance(policy.priority, str)
    return EdgeRules(
        edge=edge,
        source=source,
        port=port,
        target=to,
        policy=policy,
        capacity=policy.capacity or target.inbox.capacity or limits.inbox_messages,
        size_bytes=policy.size_bytes or limits.inbox_bytes,
        overflow=policy.overflow or inherited,
        expire_seconds=inf if policy.expire_ms is None else policy.expire_ms / 1000,
        priority=0 if isinstance(policy.priority, str) else policy.priority,
        field=tuple(str(policy.priority).split(".")) if is_field else (),
    )


class Letters:
    """The ways of dead letters of a graph that is being compiled."""

    def __init__(self) -> None:
        self._targets: dict[tuple[str, Endpoint], list[Target]] = {}

    def add(self, edge: LetterEdge, path: str, target: Target) -> None:
        """Take in the way of some edge's dead letters."""
        self._targets.setdefault((edge_path_of(path), edge.source), []).append(target)

    def of(self, edge: Edge, path: str) -> tuple[Target, ...]:
        """Return where the dead letters of an edge go."""
        return tuple(self._targets.get((path, edge.source), ()))


def letters_by_edge(policies: Mapping[int, EdgeRules]) -> dict[int, int]:
    """Return for each way of dead letters an edge whose they are, both by index."""
    return {target.edge: index for index, rules in reversed(list(policies.items())) for target in rules.letters}


def letters_by_node(policies: Mapping[int, EdgeRules]) -> dict[int, Sequence[int]]:
    """Return for each node the nodes to which its edges send dead letters, by index."""
    found: dict[int, list[int]] = {}
    for rules in policies.values():
        found.setdefault(rules.source, []).extend(target.node for target in rules.letters)
    return {index: targets for index, targets in found.items() if targets}


def rejected_sources(policies: Mapping[int, EdgeRules]) -> frozenset[int]:
    """Return the nodes of whose emissions some may be rejected by a full edge, by index.

    They run alone: an emission that is rejected is the error of the message that it follows from.
    """
    return frozenset(rules.source for rules in policies.values() if rules.overflow == "reject")
