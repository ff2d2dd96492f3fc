from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin import core_merge as merge
from engine.builtin.core_merge import MERGE, PORTS, object_text
from engine.errors import InvalidGraphError, InvalidInjectionError
from engine.runtime import open_runtime
from proto.codec import encode
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.builtin.harness import JSON_VALUES, driven, places, run
from tests.engine.executions import document, node


async def test_any_forwards_whatever_comes() -> None:
    """By default every value leaves as it came, whatever its port."""
    async with driven(MERGE) as driver:
        for name in PORTS:
            text = f'{{"from": "{name}"}}'.encode()
            assert driver.texts(*await driver.send(text, port=name)) == [("out", text)]


async def test_zip_pairs_by_arrival() -> None:
    """The n-th values of all inputs make one object, whichever came first."""
    async with driven(MERGE, mode="zip") as driver:
        assert driver.values(*await driver.send(1, 2, 3, port="a")) == []
        assert driver.values(*await driver.send("x", "y", port="b")) == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]
        assert driver.values(*await driver.send("z", port="b")) == [{"a": 3, "b": "z"}]
        assert driver.handler.flush().logs == ()


async def test_zip_keeps_the_texts() -> None:
    """Values are joined as they stand, with the keys in the configured order."""
    async with driven(MERGE, mode="zip", inputs=["b", "a"]) as driver:
        await driver.send(b"1.10", port="a")
        outcomes = await driver.send(b"12345678901234567890", port="b")
    assert driver.texts(*outcomes) == [("out", b'{"b":12345678901234567890,"a":1.10}')]


async def test_zip_reports_what_found_no_partner() -> None:
    """Values left over at the end are dropped with a warning that counts them."""
    async with driven(MERGE, mode="zip") as driver:
        await driver.send(1, 2, port="a")
        (line,) = driver.handler.flush().logs
        assert line.level == "warn"
        assert "2 on a" in line.message
        assert driver.handler.flush().logs == ()


async def test_zip_refuses_beyond_its_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value for which there is no room is an error that names the missing partner; the others still pair."""
    monkeypatch.setattr(merge, "WAITING_LIMIT_MESSAGES", 2)
    async with driven(MERGE, mode="zip") as driver:
        *_, refused = await driver.send(1, 2, 3, port="a")
        assert refused.error is not None
        assert refused.error.name == "MergeOverflow"
        assert "partner on b" in refused.error.message
        assert not driver.handler.is_full()
        assert driver.values(*await driver.send("x", port="b")) == [{"a": 1, "b": "x"}]
        assert driver.values(*await driver.send(4, port="a")) == []


async def test_zip_is_bounded_in_bytes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Large values are refused before they fill the memory, and room comes back when pairs leave."""
    monkeypatch.setattr(merge, "WAITING_LIMIT_BYTES", 10)
    async with driven(MERGE, mode="zip") as driver:
        first, second = await driver.send("123456", "1", port="a")
        assert first.error is None
        assert second.error is not None
        assert driver.values(*await driver.send(0, port="b")) == [{"a": "123456", "b": 0}]
        assert (await driver.send("123456", port="a"))[0].error is None


async def test_all_gives_the_latest_of_each() -> None:
    """Once all inputs have spoken, every further value gives out the whole set with it."""
    async with driven(MERGE, mode="all") as driver:
        assert driver.values(*await driver.send(1, 2, port="a")) == []
        assert driver.values(*await driver.send("x", port="b")) == [{"a": 2, "b": "x"}]
        assert driver.values(*await driver.send(3, port="a")) == [{"a": 3, "b": "x"}]
        assert driver.handler.flush().logs == ()


async def test_all_reports_a_set_that_never_was() -> None:
    """When an input stayed silent, the end says which."""
    async with driven(MERGE, mode="all", inputs=["a", "b", "c"]) as driver:
        await driver.send(1, port="b")
        (line,) = driver.handler.flush().logs
    assert line.level == "warn"
    assert line.message.endswith("on a, c")


@pytest.mark.parametrize("mode", ["zip", "all"])
async def test_unawaited_input_is_an_error(mode: str) -> None:
    """A value on a port that is not awaited is an error that names the awaited ones."""
    async with driven(MERGE, mode=mode) as driver:
        (outcome,) = await driver.send(1, port="d")
    assert outcome.error is not None
    assert outcome.error.name == "UnexpectedInput"
    assert "(a, b)" in outcome.error.message


@pytest.mark.parametrize(
    ("config", "ports"),
    [
        ({"mode": "zip"}, "a, b"),
        ({"mode": "all"}, "a, b"),
        ({"mode": "zip", "inputs": ["d", "a"]}, "a, d"),
        ({"mode": "all", "inputs": ["in"]}, "in"),
    ],
)
async def test_an_edge_into_a_port_that_is_not_awaited_refuses_the_graph(
    config: dict[str, Any], ports: str
) -> None:
    """Every message of it would fail; the refusal lists the ports that there are."""
    nodes = {"a": "symbia.io.passthrough", "m": node("symbia.core.merge", config=config)}
    async with open_runtime() as runtime:
        for port in ports.split(", "):
            await runtime.library.load_graph(document(nodes, [f"a:out > m:{port}"]))
        with pytest.raises(InvalidGraphError) as caught:
            await runtime.library.load_graph(document(nodes, ["a:out > m:c"]))
        ingress = {**document(nodes, []), "metadata": {"ingress": {"node": "m", "port": "c"}}}
        with pytest.raises(InvalidGraphError) as at_ingress:
            await runtime.library.load_graph(ingress)
        bound = {**document(nodes, []), "bindings": {"m": {"c": {"network": "x"}}}}
        with pytest.raises(InvalidGraphError) as at_binding:
            await runtime.library.load_graph(bound)
    (problem,) = caught.value.problems
    assert (problem.code, problem.path) == ("edge.unknown_port", "edges[0].target.port")
    assert problem.message == f"Node m has no input port c; it has {ports}"
    assert at_ingress.value.problems[0].code == "ingress.unknown_port"
    assert at_binding.value.problems[0].code == "binding.unknown_port"


async def test_any_takes_all_ports() -> None:
    """There, and where the configuration is wrong anyway, every port is one."""
    for config in ({}, {"mode": "any", "inputs": ["a"]}):
        nodes = {"a": "symbia.io.passthrough", "m": node("symbia.core.merge", config=config)}
        async with open_runtime() as runtime:
            await runtime.library.load_graph(document(nodes, ["a:out > m:c"]))
    assert MERGE.inputs({"mode": "zip", "inputs": 5}) == MERGE.inputs({"mode": "zip", "inputs": [[], 7]}) == PORTS
    assert MERGE.inputs({"mode": ["zip"]}) == PORTS


async def test_a_value_for_a_port_that_is_not_awaited_is_refused() -> None:
    """Whoever injects is told at once which ports there are."""
    graph = document({"m": node("symbia.core.merge", config={"mode": "zip"})}, [])
    async with open_runtime() as runtime:
        loaded = await runtime.library.load_graph(graph)
        with pytest.raises(InvalidInjectionError, match="it has a, b"):
            await runtime.execute(loaded.id, ExecuteOptions(inputs=(Injection("m", "d", msgspec.Raw(b"1")),)))


@pytest.mark.parametrize(
    ("inputs", "paths"),
    [
        ([], ["inputs"]),
        (["a", "z"], ["inputs[1]"]),
        (["a", "b", "a"], ["inputs[2]"]),
        ([["a"], 7, "b"], ["inputs[0]", "inputs[1]"]),
    ],
)
async def test_awaited_inputs_are_checked(inputs: list[Any], paths: list[str]) -> None:
    """Ports that do not exist or are named twice are problems, each with its place."""
    assert await places(MERGE, inputs=inputs) == paths


@given(st.lists(JSON_VALUES, min_size=1, max_size=len(PORTS)))
def test_objects_parse_to_what_went_in(values: list[Any]) -> None:
    """The text of a set is JSON, with each value under its port."""
    names = PORTS[: len(values)]
    text = object_text(names, [encode(value) for value in values])
    expected = {name: msgspec.json.decode(encode(value)) for name, value in zip(names, values, strict=True)}
    assert msgspec.json.decode(text) == expected


@given(st.lists(st.tuples(st.sampled_from("ab"), st.integers())))
def test_zip_loses_nothing(arrivals: list[tuple[str, int]]) -> None:
    """Whatever the order of arrival, each input's values leave in order, as far as partners reach."""

    async def body() -> list[Any]:
        async with driven(MERGE, mode="zip") as driver:
            return [
                pair for name, value in arrivals for pair in driver.values(*await driver.send(value, port=name))
            ]

    sides = {side: [value for name, value in arrivals if name == side] for side in "ab"}
    pairs = zip(sides["a"], sides["b"], strict=False)
    assert run(body) == [{"a": first, "b": second} for first, second in pairs]
