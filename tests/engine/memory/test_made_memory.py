"""Memory of what handlers have made in initialize."""

import pytest

from engine.limits import EngineLimits
from engine.runtime import open_runtime
from tests.engine.executions import document
from tests.engine.memory.test_memory import MANUAL, shouter

pytestmark = pytest.mark.usefixtures("autojump_clock")


async def test_what_is_emitted_at_the_beginning_may_use_the_reserve() -> None:
    """A node that has begun is under way: what it emits there may be more than what anything new could have."""
    size = 1_800_000
    async with open_runtime(limits=EngineLimits(memory_bytes=0, owner_memory_bytes=2_000_000)) as runtime:
        assert runtime.ledger.refusal("", size) is not None
        await runtime.library.register_component(shouter("initialize", size))
        graph = await runtime.library.load_graph(document({"a": "custom.shouter"}, []))
        assert (await runtime.execute(graph.id, MANUAL)).error is None
