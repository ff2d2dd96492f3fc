"""JSON in and out: depth, problems' paths, and one documented error for everything that is no JSON."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from proto import codec
from proto.execution import ExecutionMetrics, ExecutionSnapshot, LogEntry
from proto.graph import GraphDefinition
from proto.json_text import MAX_DEPTH, weigh
from proto.message import Injection, PortMessage

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
)
BRACKETS = st.text(alphabet='[]{}",:\\1 \n').map(str.encode)


def reference_depth(value: Any) -> int:
    """The nesting depth of a value, by its definition."""
    if isinstance(value, dict):
        return 1 + max(map(reference_depth, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(reference_depth, value), default=0)
    return 0


@given(VALUES)
def test_the_depth_is_that_of_the_value(value: Any) -> None:
    """The depth counted on the text is the depth of the decoded value, however it is written."""
    assert weigh(codec.encode(value)).depth == reference_depth(value)
    assert weigh(json.dumps(value, indent=1).encode()).depth == reference_depth(value)


@given(BRACKETS)
def test_texts_full_of_brackets_are_no_trap(text: bytes) -> None:
    """Whatever mixture of brackets, quotes and backslashes comes, it decodes or is malformed."""
    try:
        value = codec.decode(text)
    except codec.MalformedJsonError:
        return
    assert weigh(text).depth == reference_depth(value)


@given(st.binary())
def test_any_bytes_decode_or_are_malformed(text: bytes) -> None:
    """Decoding raises nothing but ``MalformedJsonError``."""
    with contextlib.suppress(codec.MalformedJsonError):
        codec.decode(text)


@given(VALUES)
def test_values_survive_the_round(value: Any) -> None:
    """What is encoded decodes to itself."""
    assert codec.decode(codec.encode(value)) == value


@pytest.mark.parametrize("opening", [b"[", b'{"a":'])
def test_the_deepest_value_is_taken_and_a_deeper_one_refused(opening: bytes) -> None:
    """``MAX_DEPTH`` levels pass; one more is refused by a message that names the limit."""
    closing = b"]" if opening == b"[" else b"}"
    inner = b"1"
    codec.check_depth(opening * MAX_DEPTH + inner + closing * MAX_DEPTH)
    deeper = MAX_DEPTH + 1
    with pytest.raises(codec.MalformedJsonError, match="nested deeper than 200 levels"):
        codec.check_depth(opening * deeper + inner + closing * deeper)


def test_brackets_in_strings_are_no_levels() -> None:
    """A long string of brackets, with escaped quotes in it, is flat."""
    text = codec.encode(['["' * 1000])
    codec.check_depth(text)
    assert weigh(text).depth == 1


def test_many_flat_lists_are_not_deep() -> None:
    """Thousands of brackets side by side are counted and found shallow."""
    codec.check_depth(b"[" + b",".join([b"[]"] * 5000) + b"]")


def test_a_bottomless_text_is_refused_without_being_built() -> None:
    """A million opening brackets are an error, not a stack overflow."""
    with pytest.raises(codec.MalformedJsonError):
        codec.decode(b"[" * 1_000_000)


class Inner(msgspec.Struct, rename="camel"):
    a_number: int


class Outer(msgspec.Struct, rename="camel"):
    the_items: list[Inner] = []
    by_name: dict[str, Inner] = {}


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'{"theItems": [{"aNumber": 1}, {"aNumber": "2"}]}', "theItems[1].aNumber"),
        (b'{"theItems": [{}]}', "theItems[0]"),
        (b'{"theItems": 1}', "theItems"),
        (b"[]", ""),
    ],
)
def test_a_shape_problem_names_its_place(text: bytes, path: str) -> None:
    """The path of a problem leads from the document, or from where the part stands, to the wrong value."""
    with pytest.raises(msgspec.ValidationError) as caught:
        codec.decode_as(text, Outer)
    problem = codec.shape_problem(caught.value, Outer, code="wrong")
    assert (problem.code, problem.path) == ("wrong", path)
    assert problem.message.startswith(("Expected", "Object missing"))
    joint = "." if path and not path.startswith("[") else ""
    assert codec.shape_problem(caught.value, Outer, code="wrong", path="nodes[3]").path == f"nodes[3]{joint}{path}"


@pytest.mark.parametrize(
    ("shape", "names"),
    [
        (Injection, {"nodeId", "port", "value"}),
        (
            PortMessage,
            {"id", "executionId", "sourceNodeId", "sourcePort", "targetNodeId", "targetPort"}
            | {"value", "timestamp", "sequence"},
        ),
        (
            ExecutionMetrics,
            {"messagesProcessed", "messagesEmitted", "componentInvocations", "avgLatencyMs", "maxLatencyMs"}
            | {"errorCount", "backpressureEvents"},
        ),
        (ExecutionSnapshot, {"id", "graphId", "state", "metrics", "startedAt", "completedAt", "createdAt"}),
        (LogEntry, {"nodeId", "level", "message"}),
        (GraphDefinition, {"symbia", "name", "version", "nodes", "edges"}),
    ],
)
def test_the_wire_bears_the_specification_s_names(shape: type[msgspec.Struct], names: set[str]) -> None:
    """Every field that the specification names is on the wire under that name."""
    assert names <= {field.encode_name for field in msgspec.structs.fields(shape)}


@pytest.mark.parametrize(
    "module", ["component", "events", "execution", "graph", "message", "problem", "statistics"]
)
def test_no_wire_name_has_an_underscore(module: str) -> None:
    """Names on the wire are camelCase, without exception."""
    members = vars(__import__(f"proto.{module}", fromlist=["-"])).values()
    structs = [item for item in members if isinstance(item, type) and issubclass(item, msgspec.Struct)]
    assert structs
    for struct in structs:
        for field in msgspec.structs.fields(struct):
            assert "_" not in field.encode_name, f"{struct.__name__}.{field.name}"
