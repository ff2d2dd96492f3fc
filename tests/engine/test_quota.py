"""What one owner may have: counted in the runtime, refused at the bound, and no concern of the others."""

from typing import Any

import msgspec
import pytest
import trio
import trio.testing
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import (
    ComponentExistsError,
    ComponentNotFoundError,
    ExecutionNotFoundError,
    InjectionRateError,
    InvalidGraphError,
    QuotaError,
)
from engine.limits import EngineLimits
from engine.quota import BUCKETS_KEPT, Quotas
from engine.runtime import open_runtime
from proto.execution import ExecuteOptions
from proto.message import Injection
from tests.engine.executions import document

PASS = document({"a": "symbia.core.passthrough"})
ONE_MESSAGE = ExecuteOptions(inputs=(Injection("a", "in", msgspec.Raw(b"1")),))


def custom(emitted: str) -> dict[str, Any]:
    """A component with always the same id, which emits a text of its author's."""
    return {
        "id": "custom.same",
        "name": emitted,
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": f"return {{ process: (c) => c.emit('out', '{emitted}') }}"},
    }


async def test_two_owners_use_one_id_for_components_of_their_own() -> None:
    """Each gets their own code under the id that both chose, and neither sees or overwrites the other's."""
    graph = document({"a": "custom.same", "log": "symbia.core.logger"}, ["a:out > log:in"])
    logged = {}
    async with open_runtime() as runtime:
        for owner in ("left", "right"):
            await runtime.library.register_component(custom(owner), owner=owner)
            with pytest.raises(ComponentExistsError):
                await runtime.library.register_component(custom("again"), owner=owner)
        for owner in ("left", "right"):
            assert runtime.library.component("custom.same", owner=owner).name == owner
            assert [each.name for each in runtime.library.components(owner=owner) if each.id == "custom.same"] == [
                owner
            ]
            loaded = await runtime.library.load_graph(graph, owner=owner)
            started = await runtime.execute(loaded.id, ONE_MESSAGE)
            await runtime.execution(started.id).wait_finished()
            logged[owner] = [line.message for line in runtime.execution(started.id).logs()]
    assert logged == {"left": ['"left"'], "right": ['"right"']}


async def test_a_component_exists_for_its_owner_alone() -> None:
    """To others it is unknown: when it is asked for, and when a graph names it."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(custom("mine"), owner="left")
        with pytest.raises(ComponentNotFoundError):
            runtime.library.component("custom.same", owner="right")
        with pytest.raises(InvalidGraphError, match=r"custom\.same"):
            await runtime.library.load_graph(document({"a": "custom.same"}), owner="right")


async def test_nobody_owns_a_built_in_id() -> None:
    """A built-in component is everybody's, and no owner can put their own code in its place."""
    async with open_runtime() as runtime:
        with pytest.raises(ComponentExistsError):
            await runtime.library.register_component({**custom("x"), "id": "symbia.core.map"}, owner="left")
        assert runtime.library.component("symbia.core.map", owner="left").execution.type == "builtin"


async def test_an_execution_belongs_to_the_owner_of_its_graph() -> None:
    """While it runs, and afterwards."""
    async with open_runtime() as runtime:
        graph = await runtime.library.load_graph(PASS, owner="left")
        started = await runtime.execute(graph.id)
        assert (graph.owner, runtime.execution(started.id).owner) == ("left", "left")
        await runtime.execution(started.id).stop()
        await runtime.unload_graph(graph.id)
        assert runtime.execution(started.id).owner == "left"
        with pytest.raises(ExecutionNotFoundError):
            runtime.execution("none")


async def test_each_owner_has_a_bound_of_graphs_components_and_executions() -> None:
    """The second of each is refused to one owner, and the first is taken from the next."""
    limits = EngineLimits(owner_graphs=1, owner_components=1, owner_executions=1)
    async with open_runtime(limits=limits) as runtime:
        for owner in ("left", "right"):
            graph = await runtime.library.load_graph(PASS, owner=owner)
            with pytest.raises(QuotaError, match="1 graphs"):
                await runtime.library.load_graph(PASS, owner=owner)
            await runtime.library.register_component(custom("one"), owner=owner)
            with pytest.raises(QuotaError, match="1 components"):
                await runtime.library.register_component({**custom("two"), "id": "custom.other"}, owner=owner)
            started = await runtime.execute(graph.id)
            with pytest.raises(QuotaError, match="1 executions"):
                await runtime.execute(graph.id)
            await runtime.execution(started.id).stop()
            await runtime.execute(graph.id)  # the place is free again


async def test_simultaneous_loads_do_not_pass_the_bound_together() -> None:
    """Of three graphs that are checked at the same time, one is loaded and two are refused."""
    refused = []
    async with open_runtime(limits=EngineLimits(owner_graphs=1)) as runtime:
        slow = document({"a": {"component": "symbia.core.map", "config": {"expression": "value"}}})

        async def load() -> None:
            try:
                await runtime.library.load_graph(slow)
            except QuotaError as error:
                refused.append(error)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(load)
        assert (len(runtime.library.graphs()), len(refused)) == (1, 2)


async def test_one_owner_does_not_crowd_anothers_ended_executions_out() -> None:
    """Where too many are kept, the oldest of whoever has most is forgotten."""
    async with open_runtime(limits=EngineLimits(finished_executions=3)) as runtime:
        quiet = await runtime.library.load_graph(PASS, owner="quiet")
        loud = await runtime.library.load_graph(PASS, owner="loud")
        ids = []
        for graph in (quiet, loud, loud, loud, loud):
            started = await runtime.execute(graph.id, ONE_MESSAGE)
            await runtime.execution(started.id).wait_finished()
            await trio.testing.wait_all_tasks_blocked()
            ids.append(started.id)
        assert {execution.id for execution in runtime.executions()} == {ids[0], *ids[3:]}


async def test_injected_bytes_are_bounded_by_the_second(autojump_clock: trio.testing.MockClock) -> None:
    """What exceeds the rate must wait as long as the refusal says, and not longer; others need not."""
    del autojump_clock
    quotas = Quotas(EngineLimits(owner_bytes_per_second=100))
    quotas.spend("left", [150, 100])  # larger than a second's worth, and yet taken: the debt is 150
    with pytest.raises(InjectionRateError) as caught:
        quotas.spend("left", [1])
    assert caught.value.retry_after_seconds == 2
    quotas.spend("right", [1])
    await trio.sleep(2)
    quotas.spend("left", [1])


async def test_an_injection_beyond_the_rate_takes_nothing_in(autojump_clock: trio.testing.MockClock) -> None:
    """The messages of a refused injection were not accepted, and no execution starts for refused inputs."""
    del autojump_clock
    async with open_runtime(limits=EngineLimits(owner_bytes_per_second=1)) as runtime:
        graph = await runtime.library.load_graph(PASS)
        started = await runtime.execute(graph.id, ExecuteOptions(completion="manual"))
        message = Injection("a", "in", msgspec.Raw(b"123"))
        await runtime.execution(started.id).inject([message])
        with pytest.raises(InjectionRateError) as caught:
            await runtime.execution(started.id).inject([message])
        assert caught.value.accepted == 0
        with pytest.raises(InjectionRateError):
            await runtime.execute(graph.id, ONE_MESSAGE)
        assert len(runtime.executions()) == 1


async def test_idle_owners_are_forgotten_and_indebted_ones_are_not(
    autojump_clock: trio.testing.MockClock,
) -> None:
    """The memory of rates is bounded, and nobody's debt is forgiven by it."""
    del autojump_clock
    quotas = Quotas(EngineLimits(owner_bytes_per_second=1))
    quotas.spend("debtor", [1_000_000])
    for number in range(BUCKETS_KEPT - 1):
        quotas.spend(str(number), [1])
    await trio.sleep(10)
    quotas.spend("one more", [1])
    assert len(quotas._buckets) == 2
    with pytest.raises(InjectionRateError):
        quotas.spend("debtor", [1])


@given(spends=st.lists(st.tuples(st.floats(0, 20), st.integers(1, 500)), min_size=1, max_size=40))
def test_over_time_nobody_gets_more_than_his_rate(spends: list[tuple[float, int]]) -> None:
    """Whatever the pattern: what passed before the last passing injection fits the rate and one second's burst."""
    rate = 50

    async def run() -> None:
        quotas = Quotas(EngineLimits(owner_bytes_per_second=rate))
        began = trio.current_time()
        passed: list[int] = []
        for pause, size in spends:
            await trio.sleep(pause)
            try:
                quotas.spend("owner", [size])
            except InjectionRateError:
                continue
            assert sum(passed) <= rate * (1 + trio.current_time() - began) + 1e-6
            passed.append(size)
        assert passed

    trio.run(run, clock=trio.testing.MockClock(autojump_threshold=0))
