from typing import Any

import pytest
import trio
from hypothesis import given

from engine.builtin import data_json_transform as module
from engine.builtin.data_json_transform import INLINE_LIMIT_BYTES, VALUE_LIMIT_BYTES, json_transform
from engine.builtin.parts import jmespath_search
from engine.builtin.parts.jmespath_meter import Path
from engine.builtin.parts.jmespath_search import Found
from engine.contracts.handler import Outcome
from proto.codec import encode
from tests.engine.builtin.harness import JSON_VALUES, Driver, driven, places, run
from workers.bounds import PoolBounds
from workers.pool import open_pool

EXPLOSION = " | ".join(["[@, @]"] * 60)


async def transformed(path: str, value: Any, **config: Any) -> list[bytes]:
    async with open_pool() as workers, driven(json_transform(workers), path=path, **config) as driver:
        return [text for _, text in driver.texts(*await driver.send(value))]


async def failed(path: str, value: Any) -> Outcome:
    async with open_pool() as workers, driven(json_transform(workers), path=path) as driver:
        (outcome,) = await driver.send(value)
    assert outcome.error is not None
    assert not outcome.emissions
    return outcome


async def test_dotted_path_keeps_the_text() -> None:
    """A dotted path emits what it finds digit by digit."""
    value = b'{"data": {"items": [1.10, 12345678901234567890123, 1e2]}}'
    assert await transformed("data.items", value) == [b"[1.10, 12345678901234567890123, 1e2]"]


async def test_expression_writes_anew() -> None:
    """Another expression emits integers of any length as they were, and fractions as 64-bit floats."""
    value = b'{"data": {"items": [1.10, 12345678901234567890123, 1e2]}}'
    assert await transformed("data.items[*]", value) == [b"[1.1,12345678901234567890123,100.0]"]


async def test_an_expression_keeps_numbers_of_any_length() -> None:
    """Neither their digits nor their exponents have a bound in JSON."""
    value = b'{"items": [%b, 1E+999, "x"]}' % (b"7" * 5_000)
    assert await transformed("items[*]", value) == [b'[%b,1E+999,"x"]' % (b"7" * 5_000)]
    assert await transformed("items[?@ == 'x']", value) == [b'["x"]']


async def test_a_text_among_numbers_fails_no_comparison() -> None:
    """One price that is a text is left out, and the others are found."""
    items = {"items": [{"price": "10"}, {"price": 10}, {"price": None}]}
    assert await transformed("items[?price > `5`]", items) == [b'[{"price":10}]']


@pytest.mark.parametrize("path", ["a.b", "a[0].b", "a.b || c"])
@pytest.mark.parametrize("value", [{"a": 1}, {"a": {"b": None}}, [], "text", None])
async def test_default_stands_for_nothing(path: str, value: Any) -> None:
    """Where nothing or null is found, the default is emitted: null unless configured."""
    assert await transformed(path, value) == [b"null"]
    assert await transformed(path, value, default={"none": True}) == [b'{"none":true}']


async def test_false_and_empty_are_found() -> None:
    """Only null is nothing: false, zero and empty values are emitted."""
    nearly_nothing: list[Any] = [False, 0, "", [], {}]
    for found in nearly_nothing:
        assert await transformed("a", {"a": found}, default=1) == [encode(found)]
        assert await transformed("[a][0]", {"a": found}, default=1) == [encode(found)]


async def test_syntax_is_checked_when_the_graph_is_loaded() -> None:
    """A mistake in the expression is a problem at its key, and says where in the text."""
    config = {"path": "items[?x ==]", "default": None}
    (problem,) = await json_transform().check(config)
    assert (problem.code, problem.path) == ("config.invalid_path", "path")
    assert "at character 12" in problem.message
    assert await places(json_transform(), path="") == ["path"]
    assert await places(json_transform(), path="a.b") == []


async def test_an_unchecked_mistake_fails_in_initialize() -> None:
    """A handler made from an expression that nobody checked does not start."""
    outcome = await Driver(json_transform(), {"path": "a["}).handler.initialize()
    assert outcome.error is not None
    assert outcome.error.name == "PathSyntaxError"


async def test_wrong_types_are_errors_of_the_invocation() -> None:
    """A function that cannot take the value fails that message, without repeating the value."""
    outcome = await failed("abs(@)", "secret")
    assert outcome.error is not None
    assert outcome.error.name == "PathError"
    assert outcome.error.message == "The function abs() takes number, not string"


@pytest.mark.parametrize("path", ["length(@, @)", "ceil(to_number('inf'))"])
async def test_stumbles_of_the_library_are_errors_of_the_invocation(path: str) -> None:
    """Whatever the library raises fails the message, and nothing else."""
    outcome = await failed(path, [1])
    assert outcome.error is not None
    assert outcome.error.name == "PathError"


@pytest.mark.parametrize("path", ["a", "a[0]"])
async def test_a_text_that_is_no_json_is_its_own_error(path: str) -> None:
    """A text that cannot be read is the error of its message; its neighbours are transformed."""
    async with driven(json_transform(), path=path) as driver:
        first, second, third = await driver.send({"a": [1]}, b'{"a":"\\ud8"}', {"a": [3]})
    assert first.error is None
    assert second.error is not None
    assert second.error.name == "MalformedJson"
    assert third.error is None


async def test_too_large_values_are_refused() -> None:
    """Beyond the limit an expression does not even begin; a dotted path does."""
    large = {"a": "x" * VALUE_LIMIT_BYTES}
    outcome = await failed("a | @", large)
    assert outcome.error is not None
    assert outcome.error.name == "ValueTooLarge"
    assert await transformed("a", large) == [encode(large["a"])]


async def test_large_work_is_done_aside() -> None:
    """What is too much for the event loop is done nevertheless, and the others run meanwhile."""
    records = [{"id": number, "name": "x" * 20} for number in range(3_000)]
    assert len(encode(records)) > INLINE_LIMIT_BYTES
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        (text,) = await transformed("[*].{id: id}", records)
        nursery.cancel_scope.cancel()
    assert text == encode([{"id": number} for number in range(3_000)])
    assert turns > 10


async def test_a_batch_takes_turns_with_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the messages of a batch that takes long, other tasks run."""
    monkeypatch.setattr(module, "TURN_SECONDS", 0)
    turns = 0

    async def count_turns() -> None:
        nonlocal turns
        while True:
            await trio.lowlevel.checkpoint()
            turns += 1

    async with driven(json_transform(), path="@") as driver, trio.open_nursery() as nursery:
        nursery.start_soon(count_turns)
        assert driver.values(*await driver.send(*range(20))) == list(range(20))
        nursery.cancel_scope.cancel()
    assert turns >= 10


async def test_costly_work_is_ended() -> None:
    """An expression that explodes is an error that says so."""
    outcome = await failed(EXPLOSION, 1)
    assert outcome.error is not None
    assert outcome.error.name == "PathTooCostly"
    assert "more than 1000000 steps" in outcome.error.message


async def test_overdue_work_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluation that takes longer than it may is an error that says how long that is."""
    monkeypatch.setattr(module, "SEARCH_SECONDS", 0.01)
    outcome = await failed(EXPLOSION, 1)
    assert outcome.error is not None
    assert outcome.error.name == "PathTooCostly"
    assert "longer than 0.01 s" in outcome.error.message


async def test_work_aside_ends_with_its_execution() -> None:
    """Cancelling the node ends the worker, long before its budget would."""
    async with open_pool() as workers, driven(json_transform(workers), path=EXPLOSION) as driver:
        with trio.move_on_after(0.05) as scope:
            await driver.send(1)
        with trio.fail_after(10):
            while workers.statistics().running:  # noqa: ASYNC110 - the process has to be gone first
                await trio.sleep(0.01)
        assert workers.statistics().abandoned == 1
    assert scope.cancelled_caught


async def test_too_much_waiting_work_is_refused() -> None:
    """Where an owner has as many tasks waiting as may, a further one is an error that says so."""
    async with (
        open_pool(PoolBounds(owner_waiting_tasks=1, owner_waiting_bytes=0)) as workers,
        driven(json_transform(workers), path=EXPLOSION) as first,
        driven(json_transform(workers), path=EXPLOSION) as second,
        driven(json_transform(workers), path=EXPLOSION) as third,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(first.send, 1)
        await trio.testing.wait_all_tasks_blocked()
        nursery.start_soon(second.send, 1)
        await trio.testing.wait_all_tasks_blocked()
        (outcome,) = await third.send(1)
        nursery.cancel_scope.cancel()
    assert outcome.error is not None
    assert outcome.error.name == "WorkersBusy"


async def test_a_node_learns_what_is_too_large_for_the_event_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """A value of a size that was not evaluated at once is not tried there a second time; smaller ones are."""
    tried: list[int] = []

    def noting(path: Path, text: bytes, steps: int) -> Found:
        tried.append(len(text))
        return jmespath_search.search(path, text, steps)

    monkeypatch.setattr(module, "search", noting)
    async with open_pool() as workers, driven(json_transform(workers), path="[*].[@][]") as driver:
        large, small = [0] * 3_000, [0]
        outcomes = await driver.send(large, large, small)
    assert driver.values(*outcomes) == [large, large, small]
    assert tried == [len(encode(large)), len(encode(small))]


@given(JSON_VALUES)
def test_the_current_value_survives(value: Any) -> None:
    """Reading and writing a value changes nothing that JSON can say, beyond null and its default."""

    async def body() -> list[bytes]:
        return await transformed("@", value)

    assert run(body) == [encode(value)]
