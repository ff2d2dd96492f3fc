"""Injected messages against the graph: every problem with its place, and no value that is no JSON text."""

from typing import Any

import msgspec
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from engine.compile.compiler import compile_graph
from engine.compile.loaded_graph import LoadedGraph
from engine.contracts.handler import Message
from engine.errors import InvalidInjectionError
from engine.execution.injection import locate
from engine.limits import EngineLimits
from proto import codec
from proto.message import Injection
from tests.engine.executions import document
from tests.engine.handlers import Journal, components

LIMITS = EngineLimits(value_bytes=1000)


def load() -> LoadedGraph:
    graph = document({"a": "forward", "b": "forward"}, ["a:out > b:in"])
    return trio.run(compile_graph, graph, components(Journal()), LIMITS, lambda: "now")


GRAPH = load()


def injection(node_id: str = "b", port: str = "other", value: bytes = b"1") -> Injection:
    return Injection(node_id, port, msgspec.Raw(value))


def problems_of(*messages: Injection) -> list[tuple[str, str]]:
    with pytest.raises(InvalidInjectionError) as caught:
        trio.run(locate, GRAPH, messages, LIMITS)
    return [(problem.code, problem.path) for problem in caught.value.problems]


@pytest.mark.parametrize("count", [1, 2])
async def test_a_problem_stands_where_the_request_had_the_message(count: int) -> None:
    """The inputs of an execution are a list in its request, also where there is one of them."""
    with pytest.raises(InvalidInjectionError) as caught:
        await locate(GRAPH, [*[injection()] * (count - 1), injection("nobody")], LIMITS, key="inputs")
    assert [problem.path for problem in caught.value.problems] == [f"inputs[{count - 1}].nodeId"]


async def test_a_message_becomes_indices_and_its_text() -> None:
    """Node and port are looked up once; the text is kept as it is."""
    text = b'{ "b" : 1.0 }'
    assert await locate(GRAPH, [injection("a", "in"), injection(value=text)], LIMITS) == [
        (0, Message(0, b"1")),
        (1, Message(1, text)),
    ]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        (injection(node_id="z"), ("injection.unknown_node", "nodeId")),
        (injection(port="z"), ("injection.unknown_port", "port")),
        (injection(port="out"), ("injection.unknown_port", "port")),
        (injection(value=b'"%s"' % (b"x" * 999)), ("injection.value_too_large", "value")),
        (injection(value=b"[" * 201 + b"]" * 201), ("injection.value_too_deep", "value")),
        (injection(value=b'"\xff"'), ("injection.value_not_utf8", "value")),
    ],
)
def test_a_wrong_message_is_refused(message: Injection, expected: tuple[str, str]) -> None:
    """Each thing that can be wrong has its code and its place."""
    assert problems_of(message) == [expected]


def test_a_misspelt_node_is_answered_with_the_one_that_was_meant() -> None:
    """Only the first of a request: comparing names takes its time."""
    graph = trio.run(
        compile_graph, document({"price": "forward"}, []), components(Journal()), LIMITS, lambda: "now"
    )
    with pytest.raises(InvalidInjectionError) as caught:
        trio.run(locate, graph, [injection("pric"), injection("prise")], LIMITS)
    assert [problem.message for problem in caught.value.problems] == [
        "Node not in graph: pric; did you mean price?",
        "Node not in graph: prise",
    ]


def test_all_problems_of_a_request_come_at_once() -> None:
    """In a request of several messages each problem says which message it is about."""
    assert problems_of(injection(), injection(node_id="z"), injection(port="y")) == [
        ("injection.unknown_node", "messages[1].nodeId"),
        ("injection.unknown_port", "messages[2].port"),
    ]


@given(st.binary(max_size=30))
def test_whatever_is_located_is_text(value: bytes) -> None:
    """Bytes that no decoder of text takes are refused where they come in, not by whoever looks at them later."""
    try:
        ((_, located),) = trio.run(locate, GRAPH, [injection(value=value)], LIMITS)
    except InvalidInjectionError:
        return
    located.value.decode("utf-8")


@given(st.recursive(st.none() | st.integers() | st.text(), st.lists))
def test_every_json_value_can_be_injected(value: Any) -> None:
    """A JSON value within the limits is located and comes out as it went in."""
    ((_, located),) = trio.run(locate, GRAPH, [injection(value=codec.encode(value))], EngineLimits())
    assert codec.decode(located.value) == value
