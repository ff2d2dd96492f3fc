"""Can one node's component do something to another node, or to another execution?"""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
import trio
import trio.testing

from engine.contracts.handler import LogLine
from engine.contracts.observer import ExecutionObserver
from engine.runtime import Runtime, open_runtime
from proto.execution import ExecuteOptions, ExecutionSnapshot, ExecutionState
from proto.message import Injection
from tests.engine.executions import Tap, document

ATTACKER, VICTIM = "custom.attacker", "custom.victim"

VICTIM_SOURCE = """return { process(ctx, port, value) {
    const strange = Object.keys(Object.prototype).length + typeof globalThis.hoard + typeof globalThis.mark;
    ctx.setState('seen', (ctx.getState('seen') ?? 0) + 1); ctx.log('info', ctx.nodeId);
    ctx.emit('out', [ctx.nodeId, ctx.getState('seen'), strange, value.attack ?? 'none']);
} }"""

ATTACKS = {
    "pollution": "Object.prototype.attack = 'pollution'; globalThis.hoard = mark = ctx; ctx.emit('out', {})",
    "__proto__ in the value": 'ctx.emit(\'out\', JSON.parse(\'{"__proto__":{"attack":"polluted"}}\'))',
    "another's state": "ctx.setState('seen', 1000); ctx.setState('victim:seen', 1000); ctx.emit('out', {})",
    "another's name": "try { ctx.nodeId = 'victim' } catch {} ctx.log('info', 'as victim'); ctx.emit('out', {})",
    "another's port": "try { ctx.emit('victim:out', 'forged') } catch {} ctx.emit('out', {})",
    "another's config": "ctx.config.shared = 'changed'; ctx.emit('out', {})",
}


def component(component_id: str, source: str) -> dict[str, Any]:
    """A component's definition."""
    return {
        "id": component_id,
        "name": "Under attack",
        "version": "1.0.0",
        "ports": {"inputs": ["in"], "outputs": ["out"]},
        "execution": {"type": "javascript", "source": source, "limits": {"cpuMs": 500}},
    }


GRAPH = document({"attacker": ATTACKER, "victim": VICTIM}, ["attacker:out > victim:in"])


async def executed(runtime: Runtime, attack: str, count: int = 2, **metadata: Any) -> ExecutionSnapshot:
    """Registers both components, and runs the graph with so many messages to its end."""
    await runtime.library.register_component(
        component(ATTACKER, f"return {{ process(ctx, port, value) {{ {attack} }} }}")
    )
    await runtime.library.register_component(component(VICTIM, VICTIM_SOURCE))
    graph = await runtime.library.load_graph({**GRAPH, "metadata": metadata})
    inputs = (Injection("attacker", "in", msgspec.Raw(b"1")),) * count
    started = await runtime.execute(graph.id, ExecuteOptions(inputs=inputs))
    return await runtime.execution(started.id).wait_finished()


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_node_cannot_reach_into_another(name: str) -> None:
    """The next node has its own world, name, state and configuration, whatever the one before it did."""
    async with open_runtime() as runtime:
        ended = await executed(runtime, ATTACKS[name])
        assert ended.state is ExecutionState.COMPLETED, ended.error
        lines = [(line.node_id, line.message) for line in runtime.execution(ended.id).logs()]
        assert lines.count(("victim", "victim")) == 2
        assert not [line for line in lines if line[0] == "victim" and line[1] != "victim"]


async def values_of_victim(runtime: Runtime, attack: str) -> Sequence[bytes]:
    """What leaves the victim while somebody watches."""
    tap = Tap()
    await runtime.library.register_component(
        component(ATTACKER, f"return {{ process(ctx, port, value) {{ {attack} }} }}")
    )
    await runtime.library.register_component(component(VICTIM, VICTIM_SOURCE))
    graph = await runtime.library.load_graph(GRAPH)
    started = await runtime.execute(graph.id, ExecuteOptions(completion="manual"))
    with runtime.execution(started.id).watch(tap):
        await runtime.execution(started.id).inject(
            [Injection("attacker", "in", msgspec.Raw(b"1"))] * 2, final=True
        )
        await runtime.execution(started.id).wait_finished()
    return [value for node, _, value in tap.outputs if node == "victim"]


@pytest.mark.parametrize("name", ATTACKS)
async def test_what_leaves_the_next_node_is_its_own(name: str) -> None:
    """Its count, its built-ins and what it reads from the value are as if the attacker were honest."""
    async with open_runtime() as runtime:
        assert await values_of_victim(runtime, ATTACKS[name]) == [
            b'["victim",1,"0undefinedundefined","none"]',
            b'["victim",2,"0undefinedundefined","none"]',
        ]


@pytest.mark.parametrize(
    ("attack", "name"),
    [
        ("for (;;);", "CpuLimitExceeded"),
        ("const a = []; for (;;) a.push('x'.repeat(1e5))", "MemoryLimitExceeded"),
        ("for (;;) ctx.emit('out', 1)", "OutputLimitExceeded"),
        ("throw Object.assign(Error('HostError'), {name: 'HostError', nodeId: 'victim'})", "HostError"),
    ],
)
async def test_an_error_belongs_to_the_node_that_made_it(attack: str, name: str) -> None:
    """The execution fails at the attacker, and another execution of the same runtime runs as ever."""
    async with open_runtime() as runtime:
        ended = await executed(runtime, attack, count=1)
        assert ended.state is ExecutionState.FAILED
        assert ended.error is not None
        assert ended.error.node_id == "attacker"
        assert name in ended.error.message
        graph = await runtime.library.load_graph(document({"a": VICTIM}))
        inputs = (Injection("a", "in", msgspec.Raw(b"{}")),)
        again = await runtime.execute(graph.id, ExecuteOptions(inputs=inputs))
        assert (await runtime.execution(again.id).wait_finished()).state is ExecutionState.COMPLETED


async def test_spinning_nodes_leave_nothing_behind() -> None:
    """Ten executions that spin are stopped, and no task of theirs lives on."""
    async with open_runtime() as runtime:
        await runtime.library.register_component(component(ATTACKER, "return { process() { for (;;); } }"))
        graph = await runtime.library.load_graph(document({"a": ATTACKER}))
        await trio.testing.wait_all_tasks_blocked()
        before = trio.lowlevel.current_statistics().tasks_living
        inputs = (Injection("a", "in", msgspec.Raw(b"1")),)
        started = [await runtime.execute(graph.id, ExecuteOptions(inputs=inputs)) for _ in range(10)]
        for execution in started:
            await runtime.execution(execution.id).stop()
        for execution in started:
            assert (await runtime.execution(execution.id).wait_finished()).state is ExecutionState.CANCELLED
        await trio.testing.wait_all_tasks_blocked()
        assert trio.lowlevel.current_statistics().tasks_living == before


class LinesPerPass(ExecutionObserver):
    """Counts the most log lines that were reported without a look at other tasks."""

    def __init__(self) -> None:
        self.lines = 0
        self.most = 0

    def logged(self, execution_id: str, node_id: str, line: LogLine) -> None:
        del execution_id, node_id, line
        self.lines += 1
        self.most = max(self.most, self.lines)

    async def pass_by(self) -> None:
        """A task that only wants to run."""
        while True:
            self.lines = 0
            await trio.lowlevel.checkpoint()


async def test_a_flood_of_effects_is_seen_to_in_parts() -> None:
    """A batch of messages that each log all they may lets other tasks run after every message."""
    observer = LinesPerPass()
    attack = """for (let i = 0; i < 1000; i++) ctx.log('info', 'flood');
        for (let i = 0; i < 600; i++) ctx.emit('out', {})"""
    async with open_runtime() as runtime, trio.open_nursery() as nursery:
        runtime.observe(observer)
        nursery.start_soon(observer.pass_by)
        ended = await executed(runtime, attack, count=64)
        nursery.cancel_scope.cancel()
    assert ended.state is ExecutionState.COMPLETED, ended.error
    assert ended.metrics.messages_emitted == 64 * 600 * 2
    assert 0 < observer.most <= 1000
