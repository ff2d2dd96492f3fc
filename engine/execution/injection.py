"""Injected messages against the graph they are meant for, in turns: they may be many, and large."""

from collections.abc import Sequence

import msgspec
import trio

from engine.compile.loaded_graph import CompiledNode, LoadedGraph
from engine.contracts.handler import NO_EDGE, Message
from engine.contracts.lanes import NUMBERS
from engine.cooperative.json_checks import SLICE_BYTES, check_in_slices, check_utf8
from engine.documents.hints import Hints
from engine.documents.problem_report import MAX_PROBLEMS, shown
from engine.errors import InvalidInjectionError
from engine.limits import EngineLimits
from proto.codec import MalformedJsonError
from proto.json_text import is_too_deep
from proto.message import Injection
from proto.problem import Problem

Located = tuple[int, Message]
"""A node's index, and a message for it. It has no sequence number before its execution accepts it: until then
others may be accepted, whose numbers are lower."""

_LOCATED_TOGETHER = 1_023
"""All ones in binary: others have their turn after each 1,024 messages, which take half a millisecond."""

_NAMED_PORTS = 50


async def locate(
    graph: LoadedGraph, messages: Sequence[Injection], limits: EngineLimits, *, key: str = "messages"
) -> list[Located]:
    """Look messages up in the tables of a graph.

    Args:
        graph: what they are meant for.
        messages: from outside.
        limits: bounds of a value.
        key: where they stood in the request, for the paths of problems; a single one of ``messages`` is the
            request itself.

    Raises:
        InvalidInjectionError: one of them names no node or port of the graph, or its value is too large, too
            deeply nested or no UTF-8; carries the first ``MAX_PROBLEMS`` problems.
    """
    small_bytes = min(SLICE_BYTES, limits.value_bytes)
    places: dict[tuple[str, str], tuple[int, int]] = {}
    node_id: str | None = None
    port_name = ""
    node_index = port = 0  # where the message before this one went: most of them go the same way
    located: list[Located] = []
    problems: list[Problem] = []
    for index, message in enumerate(messages):
        text = bytes(message.value)
        size = len(text)  # most values are plain: looking at each of them must cost next to nothing
        is_plain = size <= small_bytes and (text.isascii() or _is_utf8(text)) and not is_too_deep(text)
        is_known = message.node_id == node_id and message.port == port_name
        if not is_known:
            place = places.get((message.node_id, message.port))
            if place is not None:
                is_known, node_id, port_name = True, message.node_id, message.port
                node_index, port = place
        if is_plain and is_known:
            located.append((node_index, Message(port, text, 0, NO_EDGE, NUMBERS[message.lane])))
            if index & _LOCATED_TOGETHER == _LOCATED_TOGETHER:
                await trio.lowlevel.checkpoint()
            continue
        node = graph.node(message.node_id)
        entrances = () if node is not None else graph.inputs.get((message.node_id, message.port), ())
        problem = None if entrances else _find_problem(message, node, graph, is_first=not problems)
        problem = problem or _too_large(text, limits)
        if problem is None and not is_plain:
            problem = await _find_problem_inside(text)
        if problem is not None:
            prefix = f"{key}[{index}]." if len(messages) > 1 or key != "messages" else ""
            problems.append(msgspec.structs.replace(problem, path=prefix + problem.path))
            if len(problems) == MAX_PROBLEMS:
                break
        elif entrances:  # a port of a graph, which may stand for several of components
            located += [(at, Message(into, text, 0, NO_EDGE, NUMBERS[message.lane])) for at, into in entrances]
        elif node is not None:
            node_id, port_name = message.node_id, message.port
            node_index, port = places[node_id, port_name] = node.index, node.input_of[port_name]
            located.append((node_index, Message(port, text, 0, NO_EDGE, NUMBERS[message.lane])))
    if problems:
        raise InvalidInjectionError(problems)
    return located


def relocated(messages: Sequence[Located], old: LoadedGraph, new: LoadedGraph) -> list[Located]:
    """Return messages that were located in one graph as they are in another, by the names of nodes and ports.

    Raises:
        InvalidInjectionError: the other has not got the node or the port of one.
    """
    places: dict[tuple[int, int], tuple[int, int]] = {}
    for node_index, message in messages:
        if (node_index, message.port) not in places:
            node = old.nodes[node_index]
            asked = Injection(node.id, node.inputs[message.port], msgspec.Raw(message.value))
            found = new.node(node.id)
            problem = _find_problem(asked, found, new, is_first=True)
            if problem is not None or found is None:
                raise InvalidInjectionError([] if problem is None else [problem])
            places[node_index, message.port] = found.index, found.input_of[asked.port]
    return [
        (node, msgspec.structs.replace(message, port=port))
        for node_index, message in messages
        for node, port in [places[node_index, message.port]]
    ]


async def check_value(text: bytes, limits: EngineLimits) -> Problem | None:
    """Return what forbids a value to travel along an edge: its size, its encoding, its depth."""
    return _too_large(text, limits) or await _find_problem_inside(text)


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def messages_of(graph: LoadedGraph, messages: Sequence[Injection], count: int) -> int:
    """Return how many messages the first ``count`` of what ``locate`` made of them are, whole ones only."""
    for number, message in enumerate(messages):
        is_node = graph.node(message.node_id) is not None
        count -= 1 if is_node else len(graph.inputs.get((message.node_id, message.port), ()))
        if count < 0:
            return number
    return len(messages)


def _find_problem(
    message: Injection, node: CompiledNode | None, graph: LoadedGraph, *, is_first: bool
) -> Problem | None:
    """Return what is wrong with the place of a message; only the first is compared with known names."""
    if node is None:
        return _unknown_place(message, graph, Hints(1 if is_first else 0))
    if message.port not in node.input_of:
        ports = tuple(node.input_of)
        known = ", ".join(ports[:_NAMED_PORTS]) or "none"
        more = f" and {len(ports) - _NAMED_PORTS} more" if len(ports) > _NAMED_PORTS else ""
        complaint = f"Node {node.id} has no input port {shown(message.port)}; it has {known}{more}"
        return Problem("injection.unknown_port", "port", complaint)
    return None


def _unknown_place(message: Injection, graph: LoadedGraph, hints: Hints) -> Problem:
    """Return what is wrong with a place that is neither a node nor a port of a graph."""
    known = ", ".join([port for path, port in graph.inputs if path == message.node_id][:_NAMED_PORTS])
    if message.node_id in graph.uses:
        complaint = (
            f"Node {shown(message.node_id)} has no input port {shown(message.port)}; it has {known or 'none'}"
        )
        return Problem("injection.unknown_port", "port", complaint)
    if not message.node_id and known:
        complaint = f"The graph has no input port {shown(message.port)}; it has {known}"
        return Problem("injection.unknown_port", "port", complaint)
    if not message.node_id:
        return Problem("injection.unknown_node", "nodeId", "nodeId and port are required; the graph has no ports")
    close = hints.similar(message.node_id, [*graph.uses, *(node.id for node in graph.nodes)])
    hint = f"; did you mean {close}?" if close else ""
    return Problem("injection.unknown_node", "nodeId", f"Node not in graph: {shown(message.node_id)}{hint}")


def _too_large(text: bytes, limits: EngineLimits) -> Problem | None:
    if len(text) > limits.value_bytes:
        complaint = f"The value has {len(text)} bytes; {limits.value_bytes} are allowed"
        return Problem("injection.value_too_large", "value", complaint)
    return None


async def _find_problem_inside(text: bytes) -> Problem | None:
    try:
        await check_utf8(text)  # the JSON parser skips over a raw value without a look at its strings
    except UnicodeDecodeError as error:
        return Problem("injection.value_not_utf8", "value", f"The value is not UTF-8: {error.reason}")
    try:
        await check_in_slices(text)
    except MalformedJsonError as error:
        return Problem("injection.value_too_deep", "value", str(error))
    return None
