"""Memory of what handlers have made: in initialize, and in a call of nodes that run as one."""

import pytest

from engine.limits import EngineLimits
from engine.runtime import open_runtime
from proto.message import Injection
from tests.engine.executions import document
from tests.engine.memory.test_memory import MANUAL, bounded, of, shouter, started

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_what_is_emitted_at_the_beginning_may_use_the_reserve() -> None:
    """A node that has begun is under way: what it emits there may be more than what anything new could have."""
    size = 1_800_000
    async with open_runtime(limits=EngineLimits(memory_bytes=0, owner_memory_bytes=2_000_000)) as runtime:
        assert runtime.ledger.refusal("", size) is not None
        await runtime.library.register_component(shouter("initialize", size))
        graph = await runtime.library.load_graph(document({"a": "custom.shouter"}, []))
        assert (await runtime.execute(graph.id, MANUAL)).error is None


async def test_a_chain_is_charged_for_what_it_has_made_until_that_has_left() -> None:
    """Neither for messages that wait, which are charged at their inbox, nor for what earlier ones have led to."""
    cutter = shouter("process", 1)
    source = "return { process(ctx, port, value) { ctx.emit('out', value.slice(0, 500_000)) } }"
    cutter["execution"] = {"type": "javascript", "source": source}
    nodes = {**dict.fromkeys("ab", "custom.shouter"), "c": "symbia.core.passthrough"}
    graph = document(nodes, ["a:out > b:in", "b:out > c:in"], role="pipeline")
    messages = [Injection("a", "in", of(600_000))] * 8  # two of them are too much for one call
    async with open_runtime(limits=bounded(8 * 600_000 + 2_500_000, 4, batch_bytes=10_000_000)) as runtime:
        await runtime.library.register_component(cutter)
        execution = runtime.execution(await started(runtime, graph))
        await execution.inject(messages)
        await execution.wait_quiescent()
        assert execution.snapshot().error is None
        assert execution.snapshot().metrics.messages_processed == 3 * len(messages)
        assert "outcomes" not in runtime.ledger.statistics().kinds
