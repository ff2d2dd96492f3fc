"""Checks of a checkpoint against the graph that is to go on from it: it may come from anybody.

Pure. They say what cannot be, not what is unlikely.
"""

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any

from engine.checkpoint.checkpoint import (
    Attempts,
    Checkpoint,
    GroupState,
    MadeOutcome,
    NodeState,
    PlacedMessage,
    Taken,
)
from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.handler import Message
from engine.cooperative.slices import Steps, paced
from engine.errors import CheckpointMismatchError
from proto.problem import Problem

_BETWEEN_YIELDS = 500


def check(checkpoint: Checkpoint, graph: LoadedGraph) -> Steps[None]:
    """Refuse a checkpoint that a graph cannot go on from.

    Raises:
        CheckpointMismatchError: it cannot.
    """
    code = CheckpointMismatchError.code
    problems = []
    for state in checkpoint.nodes:
        index = graph.index_of.get(state.id)
        node = None if index is None else graph.nodes[index]
        problem = yield from problem_of(state, node, len(checkpoint.groups))
        if problem:
            problems.append(Problem(code, f"nodes.{state.id}", problem))
        yield
    for (name, message), is_due in paced(chain(checkpoint.held, checkpoint.offered), _BETWEEN_YIELDS):
        if name not in graph.index_of or not fits(message, graph.nodes[graph.index_of[name]], 0):
            problems.append(Problem(code, f"nodes.{name}", "It has no such input"))
        if is_due:
            yield
    if not are_groups_sound(checkpoint.groups, graph):
        problems.append(Problem(code, "groups", "Its arrays are taken apart elsewhere here"))
    if problems:
        raise CheckpointMismatchError(problems)


def problem_of(state: NodeState, node: CompiledNode | None, groups: int) -> Steps[str]:
    """Return why a node cannot go on from what it was; "" where it can."""
    has_something = bool(state.waiting or state.taken or state.handler is not None)
    if node is None:
        return f"There is no node {state.id}, and messages or a state of it are kept" if has_something else ""
    if state.handler is not None and state.component != node.definition.component:
        return f"It was {state.component} and is {node.definition.component}, which cannot go on with its state"
    if state.handler is not None and node.definition.concurrency > 1:
        return "It does several things at once now, and has kept something before"
    kept = state.handler.messages if state.handler is not None else ()
    taken_messages = chain.from_iterable([taken.messages for taken in state.taken])
    if not (yield from _all_fit(chain(state.waiting, kept, taken_messages), node, groups)):
        return "Messages of it are for inputs that it does not have"
    if not all(_is_sound(taken, node, groups) for taken in state.taken):
        return "Values of it are for outputs that it does not have"
    return ""


def _all_fit(messages: Iterable[Message], node: CompiledNode, groups: int) -> Steps[bool]:
    for message, is_due in paced(messages, _BETWEEN_YIELDS):
        if not fits(message, node, groups):
            return False
        if is_due:
            yield
    return True


def fits(message: Message, node: CompiledNode, groups: int) -> bool:
    at = message.at if isinstance(message, PlacedMessage) else None
    is_placed = at is None or (0 <= at[0] < groups and at[1] >= 0)
    return 0 <= message.port < len(node.inputs) and message.lane in (0, 1) and is_placed and message.sequence >= 0


def _is_sound(taken: Taken, node: CompiledNode, groups: int) -> bool:
    outcomes = taken.outcomes
    if taken.messages and len(outcomes) > len(taken.messages):
        return False
    if taken.attempts is not None and (len(taken.messages) != 1 or not _is_time(taken.attempts)):
        return False
    ats = [at for outcome in outcomes for at in (*outcome.places, *(outcome.done or ())) if at is not None]
    if taken.opening is not None:
        ats.append(taken.opening)
    if not all(0 <= at[0] < groups and at[1] >= 0 for at in ats) or taken.lane not in (0, 1):
        return False
    return all(_is_outcome_sound(outcome, node) for outcome in outcomes)


def _is_time(attempts: Attempts) -> bool:
    return -1e12 < attempts.due_seconds < 1e12 and attempts.failed >= 0


def _is_outcome_sound(outcome: MadeOutcome, node: CompiledNode) -> bool:
    count = len(outcome.emissions)
    return (
        all(0 <= port < len(node.outputs) for port, _ in outcome.emissions)
        and len(outcome.lanes) in (0, count)
        and all(lane in (0, 1) for lane in outcome.lanes)
        and (outcome.error is not None or len(outcome.places) in (0, count))
    )


def are_groups_sound(groups: Sequence[GroupState], graph: LoadedGraph) -> bool:
    openers = set() if graph.groups is None else {graph.nodes[index].id for index in graph.groups.gathers}
    return all(
        group.opener in openers
        and group.lane in (0, 1)
        and group.awaited >= 0
        and (group.outer is None or (0 <= group.outer[0] < len(groups) and group.outer[1] >= 0))
        for group in groups
    )


def check_numbers(rest: Any) -> None:
    """Raise ValueError where a number in what is kept is none, or endless: no time is."""
    left = [rest]
    while left:
        value = left.pop()
        if isinstance(value, list | tuple):
            left.extend(value)
        elif isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, float) and not -1e300 < value < 1e300:
            raise ValueError("a number that is kept is none")
