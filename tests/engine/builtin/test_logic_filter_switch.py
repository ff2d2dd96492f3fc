"""``symbia.logic.filter`` and ``symbia.logic.switch``, where they are strict; otherwise see ``tests/platform``."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.logic_filter_switch import FIELD_FILTER, SWITCH, SWITCH_PORTS, compare
from engine.builtin.parts.bounded_value import COMPARED_BYTES
from engine.errors import InvalidGraphError
from engine.runtime import open_runtime
from tests.engine.builtin.harness import JSON_VALUES, driven, places
from tests.engine.executions import document, node


@pytest.mark.parametrize(
    ("config", "passing", "failing"),
    [
        ({"field": "a"}, [{"a": 0}, {"a": False}], [{"a": None}, {}, 1]),
        ({}, [0, "", {}], [None]),
        ({"field": "a", "op": "eq", "value": 1}, [{"a": 1}, {"a": 1.0}], [{"a": True}, {"a": "1"}, {}]),
        ({"field": "a", "op": "eq", "value": None}, [{"a": None}], [{"a": 0}, {}]),
        ({"field": "a.b", "op": "eq", "value": {"c": 1}}, [{"a": {"b": {"c": 1.0}}}], [{"a": {"b": {"c": []}}}]),
        ({"field": "a", "op": "neq", "value": 1}, [{"a": 2}, {}, 5], [{"a": 1}]),
        ({"field": "a", "op": "gt", "value": 10}, [{"a": 11}, {"a": "10.5"}], [{"a": 10}, {"a": "x"}, {"a": []}]),
        ({"field": "a", "op": "lt", "value": "10"}, [{"a": 9}], [{"a": 10}, {"a": None}, {}]),
        ({"field": "a", "op": "contains", "value": "b"}, [{"a": "abc"}, {"a": ["b"]}], [{"a": ""}, {"a": ["bc"]}]),
        ({"field": "a", "op": "contains", "value": 2}, [{"a": [2]}, {"a": 123}, {"a": "12"}], [{"a": {"2": 2}}]),
    ],
)
async def test_filter_compares_a_field(config: dict[str, Any], passing: list[Any], failing: list[Any]) -> None:
    """Each comparison holds for what one would expect, and the values leave unchanged."""
    async with driven(FIELD_FILTER, strict=True, **config) as driver:
        assert [port for port, _ in driver.texts(*await driver.send(*passing))] == ["pass"] * len(passing)
        assert [port for port, _ in driver.texts(*await driver.send(*failing))] == ["fail"] * len(failing)
        assert driver.texts(*await driver.send(b'{ "b":1.0 }'))[0][1] == b'{ "b":1.0 }'


@given(JSON_VALUES, JSON_VALUES)
def test_equality_is_that_of_json(left: Any, right: Any) -> None:
    """A value is equal to itself; ``eq`` and ``neq`` never agree; true is never 1."""
    assert compare(left, "eq", left)
    assert compare(left, "eq", right) != compare(left, "neq", right)
    assert not compare(True, "eq", 1)
    assert not compare([0], "eq", [False])


@given(st.integers() | st.floats(allow_nan=False), st.integers() | st.floats(allow_nan=False))
def test_order_is_that_of_numbers(left: float, right: float) -> None:
    """``gt`` and ``lt`` are Python's, also of numbers of any size."""
    assert compare(left, "gt", right) == (left > right)
    assert compare(left, "lt", right) == (left < right)


LONG = "7" * 5_000


@pytest.mark.parametrize(
    ("op", "value", "text", "port"),
    [
        ("gt", 10, LONG, "pass"),
        ("lt", 10, "-" + LONG, "pass"),
        ("gt", 10, f'"{LONG}"', "pass"),
        ("gt", 10**300, "1e999", "pass"),
        ("gt", 10, '"1e999"', "pass"),
        ("gt", 10, '"1e9999999999999999999"', "fail"),
        ("lt", LONG, LONG, "fail"),
        ("eq", 1, LONG, "fail"),
        ("neq", [1], f"[{LONG}]", "pass"),
        ("contains", "777", LONG, "pass"),
        ("contains", 2, f"[{LONG}, 2]", "pass"),
        ("gt", 10, '"Infinity"', "fail"),
        ("gt", 10, '" 11 "', "pass"),
        ("gt", 10, '"1_1"', "fail"),
    ],
)
async def test_numbers_of_any_length_are_compared(op: str, value: Any, text: str, port: str) -> None:
    """JSON bounds neither their digits nor their exponents, and no comparison calls them something else."""
    async with driven(FIELD_FILTER, strict=True, field="a", op=op, value=value) as driver:
        (outcome,) = await driver.send(b'{"a": %b}' % text.encode())
        assert driver.texts(outcome) == [(port, b'{"a": %b}' % text.encode())]


async def test_a_number_of_megabytes_is_refused() -> None:
    """Reading its digits would hold the event loop."""
    async with driven(FIELD_FILTER, strict=True, op="gt", value=1) as driver:
        number, text = await driver.send(b"7" * 4_000_000, b'"' + b"7" * 4_000_000 + b'"')
        assert number.error is not None
        assert number.error.name == "TooLarge"
        assert driver.texts(text)[0][0] == "fail"


@pytest.mark.parametrize(
    ("config", "place"),
    [({"op": "eq"}, "value"), ({"op": "gt", "value": "many"}, "value"), ({"op": "lt", "value": True}, "value")],
)
async def test_a_comparison_without_sense_refuses_the_graph(config: dict[str, Any], place: str) -> None:
    """There must be something to compare with, and a number where numbers are compared."""
    assert await places(FIELD_FILTER, strict=True, **config) == [place]


async def test_switch_sends_each_value_to_the_port_it_names() -> None:
    """Listed ports are reached by their names; everything else goes to ``default``, unchanged."""
    async with driven(SWITCH, strict=True, ports=["order", "true"]) as driver:
        kinds: list[Any] = ["order", True, "refund", None, {"a": 1}, "default", "error"]
        found = driver.texts(*await driver.send(*({"type": kind} for kind in kinds), 5))
    assert [port for port, _ in found] == ["order", "true", *["default"] * 6]
    assert found[0][1] == b'{"type":"order"}'


@pytest.mark.parametrize(
    ("ports", "expected"),
    [
        (["a", "a"], ["ports[1]"]),
        (["error"], ["ports[0]"]),
        (["a b", 7], ["ports[0]", "ports[1]"]),
        ([f"p{n}" for n in range(SWITCH_PORTS + 1)], ["ports"]),
        (["default", "a"], []),
        (["200", "-1.5", "1e3", "true", "null"], []),
        (["", ".a", "p" * 65], ["ports[0]", "ports[1]", "ports[2]"]),
    ],
)
async def test_wrong_ports_refuse_the_graph(ports: list[Any], expected: list[str]) -> None:
    """A port has a name, once, and is not the port of errors."""
    assert await places(SWITCH, strict=True, ports=ports) == expected


async def test_a_number_names_the_port_of_its_text() -> None:
    """As JSON spells it: 200 is not 200.0."""
    nodes = {
        "s": node("symbia.logic.switch", config={"ports": ["200"], "field": "status"}),
        "a": "symbia.io.collect",
    }
    async with open_runtime() as runtime:
        await runtime.library.load_graph(document(nodes, ["s:200 > a:in"]))
    async with driven(SWITCH, strict=True, field="status", ports=["200", "-1.5"]) as driver:
        found = driver.texts(*await driver.send(b'{"status":200}', b'{"status":200.0}', b'{"status":-1.5}'))
    assert [port for port, _ in found] == ["200", "default", "-1.5"]


async def test_edges_leave_by_the_listed_ports_and_no_others() -> None:
    """A graph may join edges to a switch's own ports; an edge at another is refused, and the ports are named."""
    nodes = {"s": node("symbia.logic.switch", config={"ports": ["order"]}), "a": "symbia.io.collect"}
    async with open_runtime() as runtime:
        await runtime.library.load_graph(document(nodes, ["s:order > a:in"]))
        with pytest.raises(InvalidGraphError) as caught:
            await runtime.library.load_graph(document(nodes, ["s:refund > a:in"]))
        nodes["s"] = node("symbia.logic.switch", config={"ports": 5, "strict": True})
        with pytest.raises(InvalidGraphError) as worse:
            await runtime.library.load_graph(document(nodes, ["s:order > a:in"]))
    (problem,) = caught.value.problems
    assert problem.path == "edges[0].source.port"
    assert problem.message.endswith("it has default, order, error")
    assert "nodes[0].config.ports" in [each.path for each in worse.value.problems]


async def test_what_is_too_large_to_compare_is_refused() -> None:
    """A huge array or object is an error of its message; a huge text is compared, for that costs nothing."""
    async with driven(FIELD_FILTER, strict=True, field="a", op="contains", value="x") as driver:
        for value in ([1] * COMPARED_BYTES, {"x": "y" * COMPARED_BYTES}):
            (outcome,) = await driver.send({"a": value})
            assert outcome.error is not None
            assert outcome.error.name == "TooLarge"
        (outcome,) = await driver.send({"a": "y" * COMPARED_BYTES + "x"})
        assert [port for port, _ in driver.texts(outcome)] == ["pass"]
