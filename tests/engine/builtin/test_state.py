"""``symbia.state.latest``, ``symbia.state.join`` and ``symbia.state.rollup`` against dictionaries, where they are
strict; what they do otherwise stands in ``tests/platform``.
"""

import math
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.parts.fields import Field
from engine.builtin.parts.keyed_state import STATE_KEYS
from engine.builtin.state_join import JOIN, SELECTED_FIELDS, Join
from engine.builtin.state_latest import LATEST, Latest
from engine.builtin.state_rollup import EXPECTED_KEYS, ROLLUP, Rollup
from engine.contracts.handler import Message, Outcome
from engine.contracts.lanes import APOCRYPHAL, CANONICAL
from tests.engine.builtin.harness import driven, places, taken

KEYED = st.tuples(st.sampled_from("abcd"), st.integers(-1000, 1000) | st.floats(-1e6, 1e6), st.integers(0, 1))


def message(value: Any, lane: int = CANONICAL) -> Message:
    return Message(0, msgspec.json.encode(value), lane=lane)


def emitted(outcome: Outcome) -> list[tuple[int, Any, int]]:
    """Port, value and lane of each emission."""
    return [
        (port, msgspec.json.decode(text), lane)
        for (port, text), lane in zip(outcome.emissions, outcome.lanes, strict=True)
    ]


@given(st.lists(KEYED))
def test_latest_is_a_dictionary(stream: list[tuple[str, float, int]]) -> None:
    """The snapshot is the latest message of each key, and as canonical as the least of them."""
    handler, model = Latest(Field("key")), dict[str, tuple[Any, int]]()
    for key, value, lane in stream:
        sent = {"key": key, "value": value}
        model[key] = (sent, lane)
        snapshot = {name: kept for name, (kept, _) in model.items()}
        tightest = max(kept for _, kept in model.values())
        assert emitted(taken(handler, message(sent, lane))) == [(0, sent, lane), (1, snapshot, tightest)]


async def test_what_has_no_key_passes_and_is_not_remembered() -> None:
    """Every message passes unchanged, whatever it is; the snapshot shows what has been remembered."""
    async with driven(LATEST, strict=True) as driver:
        outcomes = await driver.send(b'{ "key": 1.0 }', 5, {"other": 1})
        assert driver.texts(*outcomes) == [
            ("out", b'{ "key": 1.0 }'),
            ("snapshot", b'{"1.0":{ "key": 1.0 }}'),
            ("out", b"5"),
            ("snapshot", b'{"1.0":{ "key": 1.0 }}'),
            ("out", b'{"other":1}'),
            ("snapshot", b'{"1.0":{ "key": 1.0 }}'),
        ]
        assert {key: msgspec.json.decode(text) for key, text in driver.handler.state().items()} == {
            "1.0": {"value": {"key": 1.0}, "lane": "canonical"}
        }


@pytest.mark.long_steps("its thousand messages are one step of this test")
async def test_what_is_remembered_is_bounded() -> None:
    """One key too many is an error that says the bound; what is known is still updated."""
    async with driven(LATEST, strict=True) as driver:
        for number in range(STATE_KEYS):
            (good,) = await driver.send({"key": number})
            assert good.error is None
        refused, known = await driver.send({"key": "another"}, {"key": 0})
    assert refused.error is not None
    assert (refused.error.name, str(STATE_KEYS) in refused.error.message) == ("StateLimitExceeded", True)
    assert known.error is None


@given(st.lists(KEYED), st.sampled_from([{"x": "a", "y": "b"}, {"x": "a", "y": "a"}, {"x": "c"}]))
def test_join_is_a_dictionary(stream: list[tuple[str, float, int]], select: dict[str, str]) -> None:
    """It is pending until every field has its value, then leaves on every update, as canonical as the least."""
    handler, model = Join(select, "key", "value"), dict[str, tuple[float, int]]()
    for key, value, lane in stream:
        outcome = taken(handler, message({"key": key, "value": value}, lane))
        if key in select.values():
            model[key] = (value, lane)
        missing = [name for name, wanted in select.items() if wanted not in model]
        if missing:
            ((port, found, found_lane),) = emitted(outcome)
            assert (port, found["missing"], found_lane) == (1, missing, APOCRYPHAL)
        elif key in select.values():
            joined = {name: model[wanted][0] for name, wanted in select.items()}
            assert emitted(outcome) == [(0, joined, max(model[wanted][1] for wanted in select.values()))]
        else:
            assert not outcome.emissions


async def test_a_join_says_how_far_it_is() -> None:
    """Pending says how many values there are, how many are needed, and which are missing."""
    async with driven(JOIN, strict=True, select={"x": "k.1", "y": 2}) as driver:
        outcomes = await driver.send({"key": "k.1", "value": [1.0]}, {"key": 2, "value": None}, {"key": 3})
        texts = driver.texts(*outcomes)
        state = driver.handler.state()
    assert texts == [
        ("pending", b'{"have":1,"need":2,"missing":["y"]}'),
        ("out", b'{"x":[1.0],"y":null}'),
    ]
    assert set(state) == {"x", "y"}


async def test_a_selected_key_needs_a_value() -> None:
    """A message of a selected key without the field is an error, and what was known stays."""
    async with driven(JOIN, strict=True, select={"x": "a"}, valueField="v") as driver:
        first, refused, again = await driver.send({"key": "a", "v": 1}, {"key": "a"}, {"key": "a", "v": 2})
    assert refused.error is not None
    assert refused.error.name == "MissingValue"
    assert driver.values(first, again) == [{"x": 1}, {"x": 2}]


@given(st.lists(KEYED), st.sampled_from(["sum", "mean", "min", "max"]))
def test_rollup_is_an_aggregate_of_a_dictionary(stream: list[tuple[str, float, int]], op: str) -> None:
    """Value, coverage and what is missing are those of the latest numbers; a partial total is apocryphal."""
    expected = ["a", "b", "c"]
    handler, model = Rollup(expected, op, "key", "value"), dict[str, tuple[float, int]]()
    for key, value, lane in stream:
        outcome = taken(handler, message({"key": key, "value": value}, lane))
        if key in expected:
            model[key] = (value, lane)
        ((port, found, found_lane),) = emitted(outcome)
        numbers = [model[name][0] for name in expected if name in model]
        missing = [name for name in expected if name not in model]
        assert (port, found["missing"], found["present"], found["op"]) == (0, missing, len(numbers), op)
        assert math.isclose(found["coverage"], len(numbers) / 3)
        assert found["value"] == pytest.approx(_aggregate(numbers, op))
        tightest = max([lane, *(kept for _, kept in model.values())])
        assert found_lane == (APOCRYPHAL if missing else tightest)


def _aggregate(numbers: list[float], op: str) -> float | None:
    if not numbers:
        return None
    return {"sum": sum(numbers), "mean": sum(numbers) / len(numbers), "min": min(numbers), "max": max(numbers)}[op]


async def test_an_expected_key_needs_a_number() -> None:
    """What is no number is an error and changes nothing; sums of integers are exact, however large."""
    async with driven(ROLLUP, strict=True, expected=["a", "b"]) as driver:
        await driver.send({"key": "a", "value": 2**62})
        refused, good = await driver.send({"key": "b", "value": "many"}, {"key": "b", "value": str(2**62)})
        assert refused.error is not None
        assert refused.error.name == "NotNumeric"
        assert b'"value":9223372036854775808,' in good.emissions[0][1]
        assert set(driver.handler.state()) == {"a", "b"}


async def test_nothing_expected_is_complete() -> None:
    """A rollup of no keys has coverage 1, and no value."""
    async with driven(ROLLUP, strict=True, expected=[]) as driver:
        assert driver.values(*await driver.send(1)) == [
            {"value": None, "op": "sum", "coverage": 1, "present": 0, "missing": []}
        ]


@pytest.mark.parametrize(
    ("component", "config", "expected"),
    [
        (JOIN, {"select": {}}, ["select"]),
        (JOIN, {"select": {"x": True, "y": [], "z": "k"}}, ["select.x", "select.y"]),
        (JOIN, {"select": {str(n): "k" for n in range(SELECTED_FIELDS + 1)}}, ["select"]),
        (ROLLUP, {"expected": ["a", 1, "1", {}]}, ["expected[2]", "expected[3]"]),
        (ROLLUP, {"expected": [str(n) for n in range(EXPECTED_KEYS + 1)]}, ["expected"]),
    ],
)
async def test_wrong_keys_refuse_the_graph(component: Any, config: dict[str, Any], expected: list[str]) -> None:
    """Keys are strings or numbers, each once, and not too many."""
    assert await places(component, strict=True, **config) == expected
