"""``symbia.data.sample``, ``.sequence``, ``.sort``, ``.validate`` and ``.enrich``."""

from collections.abc import Sequence
from typing import Any

import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.builtin.data_enrich import ENRICH, ROWS_AT_ONCE
from engine.builtin.data_sample import SAMPLE
from engine.builtin.data_sequence import SEQUENCE
from engine.builtin.data_sort import SORT
from engine.builtin.data_validate import validate
from engine.contracts.handler import Outcome
from tests.engine.builtin.harness import Driver, driven, places, run


def ports(driver: Driver, outcomes: Sequence[Outcome]) -> list[str]:
    """The ports by which values left, or the names of errors."""
    return [
        name
        for outcome in outcomes
        for name in ([outcome.error.name] if outcome.error else [port for port, _ in driver.texts(outcome)])
    ]


async def test_every_so_many_pass() -> None:
    async with driven(SAMPLE, every=3) as driver:
        assert ports(driver, await driver.send(*range(5))) == ["out", "rest", "rest", "out", "rest"]


async def test_a_share_passes_and_passes_again() -> None:
    """By chance, and the same in each run; none of them at 0, all of them at 1."""
    async with driven(SAMPLE, share=0.25) as driver, driven(SAMPLE, share=0.25) as again:
        passed = ports(driver, await driver.send(*range(2_000)))
        assert 400 < passed.count("out") < 600
        assert ports(again, await again.send(*range(2_000))) == passed
    for share, port in ((0, "rest"), (1, "out")):
        async with driven(SAMPLE, share=share) as driver:
            assert set(ports(driver, await driver.send(*range(50)))) == {port}


async def test_all_values_of_a_key_go_the_same_way() -> None:
    """In every node that asks so."""
    keys = [{"k": n % 40} for n in range(80)]
    async with driven(SAMPLE, share=0.5, key="k") as driver, driven(SAMPLE, share=0.5, key="k") as other:
        passed = ports(driver, await driver.send(*keys))
        assert passed[:40] == passed[40:]
        assert ports(other, await other.send(*reversed(keys))) == passed[::-1]
        assert {"out", "rest"} == set(passed)


async def test_a_sample_is_asked_for_in_one_way() -> None:
    assert await places(SAMPLE, every=2, share=0.5) == ["every"]
    assert await places(SAMPLE, every=2, key="k") == ["every"]


async def test_gaps_and_repetitions_are_told() -> None:
    """Before the value behind the gap; a number that has passed changes nothing. Digits are not lost."""
    async with driven(SEQUENCE, field="n") as driver:
        large = 2**70
        outcomes = await driver.send(*({"n": n} for n in (5, 6, 9, 6, "10", large)))
        assert ports(driver, outcomes) == ["out", "out", "gap", "out", "repeated", "out", "gap", "out"]
        told = [text for port, text in driver.texts(*outcomes) if port == "gap"]
        assert told[0] == b'{"expected":7,"found":9,"missing":2}'
        assert told[1] == b'{"expected":11,"found":%d,"missing":%d}' % (large, large - 11)
        assert driver.handler.state() == {"next": b"%d" % (large + 1)}
        assert ports(driver, await driver.send({"n": 1.5}, {"n": "x"}, {})) == ["NotWhole", *["NotNumeric"] * 2]


async def test_each_stream_has_its_own_numbers() -> None:
    async with driven(SEQUENCE, field="n", key="k", first=1) as driver:
        outcomes = await driver.send({"k": "a", "n": 1}, {"k": "b", "n": 2}, {"k": "a", "n": 2})
        assert driver.texts(*outcomes)[1] == ("gap", b'{"key":"b","expected":1,"found":2,"missing":1}')
        assert ports(driver, outcomes) == ["out", "gap", "out", "out"]
    assert await places(SEQUENCE, first="1") == ["first"]
    assert await places(SEQUENCE, first=True) == ["first"]


async def test_values_leave_in_order() -> None:
    """With one more than are held the least leaves; what comes behind it is late; the rest leaves at the end."""
    async with driven(SORT, field="n", count=2) as driver:
        outcomes = await driver.send(*({"n": n, "at": at} for at, n in enumerate((3, 1, 2, 0, 3))))
        assert ports(driver, outcomes) == ["out", "late", "out"]
        assert [value["n"] for value in driver.values(*outcomes)] == [1, 2]
        rest = driver.values(driver.handler.flush())
        assert rest == [{"n": 3, "at": 0}, {"n": 3, "at": 4}]  # equal ones as they came
        assert driver.handler.held_bytes() == driver.handler.held_messages() == 0


async def test_a_value_leaves_in_time(autojump_clock: trio.testing.MockClock) -> None:
    """Behind all that are less, whenever they came."""
    async with driven(SORT, field="t", ms=100, order="descending") as driver:
        await driver.send({"t": "b"})
        autojump_clock.jump(0.05)
        await driver.send({"t": 7}, {"t": "c"})
        assert driver.handler.due() == pytest.approx(trio.current_time() + 0.05)
        autojump_clock.jump(0.05)
        left = driver.values(driver.handler.release(trio.current_time()))
        assert left == [{"t": "c"}, {"t": "b"}]
        assert driver.handler.held_messages() == 1
        assert ports(driver, await driver.send({}, {"t": None}, {"t": [1]})) == [
            *("MissingField", "NotSortable", "InvalidKey")[:2],
            "NotSortable",
        ]
    assert await places(SORT, field="t") == ["count"]


@given(st.lists(st.integers(0, 20) | st.sampled_from("abc"), max_size=30), st.integers(1, 8))
def test_what_leaves_is_in_order_and_complete(numbers: list[Any], count: int) -> None:
    async def body() -> None:
        async with driven(SORT, field="n", count=count) as driver:
            outcomes = [*await driver.send(*({"n": n} for n in numbers)), driver.handler.flush()]
            out = [value["n"] for value in driver.values(*outcomes)]
            assert out == sorted(out, key=lambda n: (isinstance(n, str), n))
            assert len(driver.texts(*outcomes)) == len(numbers)

    run(body)


async def test_values_that_fit_pass_and_others_say_why() -> None:
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    async with driven(validate(), schema=schema) as driver:
        outcomes = await driver.send({"n": 1}, {"n": "x"}, b'{"n": 1e999}', [1])
        assert ports(driver, outcomes) == ["out", "invalid", "MalformedJson", "invalid"]
        invalid = [text for port, text in driver.texts(*outcomes) if port == "invalid"]
        assert invalid[0].startswith(b'{"value":{"n":"x"},"reason":')
        assert b'\\"x\\" is not of type \\"integer\\" [' in invalid[0]


@pytest.mark.parametrize("schema", [{"type": "number?"}, {"$ref": "http://x/y"}, {"enum": ["x" * 70_000]}])
async def test_what_is_no_schema_refuses_the_graph(schema: dict[str, Any]) -> None:
    assert await places(validate(), schema=schema) == ["schema"]


async def test_a_value_gets_its_row() -> None:
    """From the configuration, or from what came by the port; a row that is null is gone."""
    async with driven(ENRICH, key="c", table={"de": {"name": "Germany"}, "7": [1]}) as driver:
        assert driver.values(*await driver.send(b'{"n":1.10,"c":"de"}', {"c": 7})) == [
            {"n": 1.1, "c": "de", "row": {"name": "Germany"}},
            {"c": 7, "row": [1]},
        ]
        await driver.send({"fr": 1.5, "de": None}, [["it", {}], [9, "nine"]], port="table")
        outcomes = await driver.send(*({"c": key} for key in ("fr", "de", "it", 9, "xx")))
        assert ports(driver, outcomes) == ["out", "unknown", "out", "out", "unknown"]
        assert driver.handler.state() == {"rows": b"4"}


async def test_the_fields_of_a_row_are_added_to_those_of_the_value() -> None:
    async with driven(ENRICH, key="c", into="", table={"de": {"name": "Germany", "c": "other"}}) as driver:
        assert driver.values(*await driver.send({"c": "de"})) == [{"name": "Germany", "c": "de"}]
        await driver.send({"it": 5}, port="table")
        assert ports(driver, await driver.send({"c": "it"}, {}, [1])) == ["NotAnObject", *["MissingKey"] * 2]
    assert await places(ENRICH, into="", table={"a": 1}) == ["table.a"]


@pytest.mark.parametrize("rows", [1, "x", [1], [[1]], [["a", 1, 2]]])
async def test_what_is_no_table_is_an_error(rows: Any) -> None:
    async with driven(ENRICH) as driver:
        assert ports(driver, await driver.send(rows, port="table")) == ["NotATable"]
        assert ports(driver, await driver.send([[[], 1]], port="table")) == ["InvalidKey"]


async def test_a_table_is_bounded_and_refused_whole() -> None:
    async with driven(ENRICH) as driver:
        rows = {str(n): n for n in range(ROWS_AT_ONCE + 1)}
        assert ports(driver, await driver.send(rows, port="table")) == ["TableTooLarge"]
        assert driver.handler.held_bytes() == 0


async def test_the_next_revision_keeps_what_came_by_the_port() -> None:
    """Under what its own configuration says."""
    async with driven(ENRICH, table={"a": 1}) as former, driven(ENRICH, table={"a": 2}) as heir:
        await former.send({"b": 3}, port="table")
        heir.handler.take_over(former.handler)
        assert [value["row"] for value in heir.values(*await heir.send({"id": "a"}, {"id": "b"}))] == [2, 3]
