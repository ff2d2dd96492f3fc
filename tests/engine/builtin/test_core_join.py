from typing import Any

import trio
import trio.testing
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.builtin.core_join import HELD_LIMIT_MESSAGES, JOIN_BY_KEY
from engine.contracts.component import inputs_of
from engine.contracts.handler import Message
from engine.contracts.lanes import APOCRYPHAL
from tests.engine.builtin.harness import driven, places, run


async def test_values_of_one_key_leave_together() -> None:
    """Whatever the order of their coming, values of one key and of all inputs leave as one object."""
    async with driven(JOIN_BY_KEY) as driver:
        assert driver.values(*await driver.send({"id": 1, "x": "a1"}, {"id": 2}, port="a")) == []
        outcomes = await driver.send({"id": 2, "y": 1}, {"id": 1}, {"id": 3}, port="b")
        assert driver.values(*outcomes) == [
            {"a": {"id": 2}, "b": {"id": 2, "y": 1}},
            {"a": {"id": 1, "x": "a1"}, "b": {"id": 1}},
        ]
        assert [list(outcome.made_from) for outcome in outcomes] == [[2], [2], []]
        assert driver.handler.held_messages() == 1


async def test_a_second_value_waits_for_a_second_partner() -> None:
    """Values of one key and one input are not replaced: each has a partner of its own, in order."""
    async with driven(JOIN_BY_KEY) as driver:
        await driver.send({"id": 1, "n": 1}, {"id": 1, "n": 2}, port="a")
        joined = driver.values(*await driver.send({"id": 1, "m": 1}, {"id": 1, "m": 2}, port="b"))
        assert [(each["a"]["n"], each["b"]["m"]) for each in joined] == [(1, 1), (2, 2)]


async def test_keys_may_stand_in_different_fields() -> None:
    """Each input may have its key elsewhere."""
    async with driven(JOIN_BY_KEY, keys={"b": "order.id"}) as driver:
        await driver.send({"id": "x"}, port="a")
        assert driver.values(*await driver.send({"order": {"id": "x"}}, port="b")) == [
            {"a": {"id": "x"}, "b": {"order": {"id": "x"}}}
        ]
        (refused,) = await driver.send({"id": "x"}, port="b")
        assert refused.error is not None
        assert "port b" in refused.error.message


async def test_three_inputs() -> None:
    """A value joins the oldest set that lacks one of its input."""
    async with driven(JOIN_BY_KEY, inputs=["a", "b", "in"]) as driver:
        await driver.send({"id": 1, "n": 1}, {"id": 1, "n": 2}, port="b")
        await driver.send({"id": 1, "n": 3}, port="in")
        joined = driver.values(*await driver.send({"id": 1, "n": 4}, port="a"))
        assert [[each[name]["n"] for name in ("a", "b", "in")] for each in joined] == [[4, 1, 3]]
        assert inputs_of(JOIN_BY_KEY, {"inputs": ["a", "b", "in"]}) == ("in", "a", "b")


async def test_who_is_left_alone_leaves_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """A set that is not complete in time leaves by `alone`, with what has come of it and what has not."""
    async with driven(JOIN_BY_KEY, inputs=["a", "b", "c"], ms=100) as driver:
        await driver.send({"id": 1}, port="a")
        due = driver.handler.due()
        assert due == trio.current_time() + 0.1
        autojump_clock.jump(0.05)
        await driver.send({"id": 1}, {"id": 2}, port="b")
        outcome = driver.handler.release(due)
        assert driver.texts(outcome) == [
            ("alone", b'{"key":"1","values":{"a":{"id":1},"b":{"id":1}},"missing":["c"]}')
        ]
        assert list(outcome.made_from) == [2]
        assert driver.values(*await driver.send({"id": 1}, port="c")) == []  # it opens a set of its own
        left = driver.handler.flush()
        assert sum(left.made_from) == 2
        assert (driver.handler.held_messages(), driver.handler.held_bytes()) == (0, 0)


async def test_who_is_left_alone_may_be_an_error() -> None:
    """With `error`, each set that was left alone is an error; at the end of input, all are one."""
    async with driven(JOIN_BY_KEY, ms=100, alone="error") as driver:
        await driver.send({"id": 1}, {"id": 2}, {"id": 3}, port="a")
        first = driver.handler.release(1e9)
        assert first.error is not None
        assert (first.error.name, list(first.made_from)) == ("LeftAlone", [1])
        assert driver.handler.held_messages() == 2
        rest = driver.handler.flush()
        assert rest.error is not None
        assert rest.error.message == "Sets that were not complete before the end of input: 2 (keys: 2, 3)"
        assert rest.error.details == (
            b'{"sets":[{"key":"2","values":{"a":{"id":2}},"missing":["b"]},'
            b'{"key":"3","values":{"a":{"id":3}},"missing":["b"]}]}'
        )


async def test_who_is_left_alone_may_be_dropped() -> None:
    """With `drop`, a line in the log says how many there were."""
    async with driven(JOIN_BY_KEY, ms=100, alone="drop") as driver:
        await driver.send(*({"id": n} for n in range(12)), port="a")
        outcome = driver.handler.release(1e9)
        assert not outcome.emissions
        assert [line.message for line in outcome.logs] == [
            "Sets that were not complete in time: 12 (keys: 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...)"
        ]


async def test_a_set_has_the_tightest_lane() -> None:
    """What is joined is apocryphal where one of its parts is."""
    async with driven(JOIN_BY_KEY) as driver:
        batch = [Message(1, b'{"id":1}', lane=APOCRYPHAL), Message(2, b'{"id":1}')]
        outcomes = await driver.handler.process(batch)
        assert list(outcomes[1].lanes) == [APOCRYPHAL]


async def test_what_waits_is_bounded() -> None:
    """So many wait; a further one is an error, but one that completes a set is not."""
    async with driven(JOIN_BY_KEY) as driver:
        for start in range(0, HELD_LIMIT_MESSAGES, 1_000):
            await driver.send(*(b'{"id":%d}' % n for n in range(start, start + 1_000)), port="a")
            await trio.lowlevel.checkpoint()
        (refused,) = await driver.send({"id": "one more"}, port="a")
        assert refused.error is not None
        assert refused.error.name == "HeldLimitExceeded"
        (joined,) = await driver.send({"id": 7}, port="b")
        assert joined.error is None


async def test_what_cannot_be_is_refused() -> None:
    """A join has two inputs that exist, and each of them a key."""
    assert await places(JOIN_BY_KEY, inputs=["a"]) == ["inputs"]
    assert await places(JOIN_BY_KEY, inputs=["a", "e"]) == ["inputs[1]"]
    assert await places(JOIN_BY_KEY, keys={"c": "x", "a": 1}) == ["keys.c", "keys.a"]
    assert await places(JOIN_BY_KEY, key="") == ["key"]
    assert await places(JOIN_BY_KEY, key="", keys={"a": "x", "b": "y"}) == []


@settings(max_examples=40)
@given(sends=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3)), max_size=40))
def test_each_value_leaves_once(sends: list[tuple[str, int]]) -> None:
    """The n-th values of a key on both inputs meet; what is left over is left alone, and nothing else."""

    async def body() -> None:
        async with driven(JOIN_BY_KEY) as driver:
            outcomes = [
                outcome
                for number, (name, key) in enumerate(sends)
                for outcome in await driver.send({"id": key, "n": number}, port=name)
            ]
            joined = driver.values(*outcomes)
            numbers: dict[Any, list[int]] = {}
            for number, place in enumerate(sends):
                numbers.setdefault(place, []).append(number)
            expected = {
                pair
                for key in range(4)
                for pair in zip(numbers.get(("a", key), []), numbers.get(("b", key), []), strict=False)
            }
            assert {(each["a"]["n"], each["b"]["n"]) for each in joined} == expected
            assert driver.handler.held_messages() == len(sends) - 2 * len(expected)
            assert sum(driver.handler.flush().made_from) == len(sends) - 2 * len(expected)

    run(body)
